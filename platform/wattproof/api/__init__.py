"""The REST interface: endpoints translate, services decide."""
