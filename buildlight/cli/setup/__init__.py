"""`buildlight init`: a conversation that ends with a configuration, a secret and a service."""
