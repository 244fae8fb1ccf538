"""The command line, `pawl`: stable, scripts build on it. Parses, calls a use case, prints.

Only this package exits the process and prints. Imports are made inside commands, so that
`pawl --help` stays quick.
"""

from service.cli.main import main

__all__ = ["main"]
