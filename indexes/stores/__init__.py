"""Vector engines behind the Store protocol."""
