"""What third parties can replace: the extension points (`kinds`) and how they are found (`load`)."""
