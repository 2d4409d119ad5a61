"""``huifang``: the command line. Every error a person can mend is one line and a non-zero exit, never a traceback."""

from __future__ import annotations

import logging
import sys

import click

from core.errors import HuifangError
from huifang.commands import cli


def main() -> None:
    """The entry point of the console script."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except HuifangError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)


def _fail(message: str, code: int) -> None:
    click.echo(f"huifang: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
