"""Speaks Celery and supervises trainer processes."""
