"""Starts the whole yard on one machine: broker, migrations, API and worker."""
