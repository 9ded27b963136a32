"""`python -m trainyard`: the command line."""

from .cli import main

main()
