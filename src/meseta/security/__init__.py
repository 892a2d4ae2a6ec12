"""Who may do what: authentication and authorization."""
