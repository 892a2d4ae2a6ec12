"""The wire: messages as bytes and as JSON, and what they mean to the machines."""
