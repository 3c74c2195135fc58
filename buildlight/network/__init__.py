"""What feeds, drivers and publishers share on the network: name resolution and connections."""
