"""Endpoints, a module a subject."""
