"""What runs without being asked: the same functions in one process or under Celery."""
