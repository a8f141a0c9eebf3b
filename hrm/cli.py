"""The `hrm` command: its subcommands; every failure becomes one clear line and an exit code.

Torch, NumPy and the like are imported inside the commands, so that `hrm --help` answers at once.
"""

import errno
import io
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click
from pydantic import ValidationError

from hrm import __version__
from hrm.commands.data import data
from hrm.commands.evaluate import evaluate
from hrm.commands.exchange import export, import_
from hrm.commands.info import info
from hrm.commands.play import play
from hrm.commands.solve import solve
from hrm.commands.study import study
from hrm.commands.train import train
from hrm.errors import Stopped, WorkFailed, own_files_named
from hrm.processes import rank

_FAILED, _WRONG_INPUT = 1, 2
_BEYOND_THE_USER = (None, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM)
"""Numbers of an `OSError`; those without one come from libraries, about files that they write."""

_OUT_OF_MEMORY = re.compile("DefaultCPUAllocator|out of memory|ALLOC_FAILED")
"""How PyTorch's CPU, CUDA and MPS allocators and cuBLAS say it; most are plain `RuntimeError`s."""

_LESS_MEMORY = {
    "train": "lower train.batch_size or set train.micro_batch",
    "solve": "give fewer --boards, a smaller --size or fewer --restarts",
    "evaluate": "give fewer --boards, a lower --count or a smaller --size",
    "data": "use fewer or smaller boards",
    "study": "use fewer workers, or lower train.batch_size in its settings",
}
"""What each command can do about too little memory."""

_LAST_STREAM = 2
"""The number of standard error."""
_FAILING = ("strict", "surrogateescape")
"""How a stream treats what its encoding lacks if nobody has chosen; the second is that of the C
locale. Either ends the process."""
_HEAD_START = 10.0
"""Seconds for the first process to speak, where all fail alike; then torchrun ends the others."""


class _App(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; a closed pipe ends it in silence only if that is its output's."""
        try:
            return super().invoke(ctx)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            remedy = _LESS_MEMORY.get(ctx.invoked_subcommand or "", "this machine has too little")
            raise WorkFailed(f"out of memory; {remedy}") from None
        except BrokenPipeError as error:  # of which click takes every one for the output's
            if error.filename is None:
                raise
            raise WorkFailed(f"{error.filename}: {error.strerror}") from None


@click.group(
    cls=_App,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="hrm %(version)s")
def app() -> None:
    """Small recursive reasoning models: networks that think in latent space, segment after segment.

    \b
    hrm solve                          solve a random puzzle with the bundled model
    hrm solve --boards my.txt          solve your own
    hrm solve --gif thinking.gif       watch the model think
    hrm play                           watch it in the browser, on boards that you draw
    hrm train debug                    train a tiny model in seconds
    hrm train my_puzzle.py:MyPuzzle    train on a puzzle of your own
    hrm evaluate --model runs/demo     measure a model on 1,000 held-out puzzles
    hrm import DIR --out MODEL         a checkpoint of another program
    hrm study plan studies/mini.yaml   many runs that answer one question
    """


for command in (train, solve, play, evaluate, study, data, info, import_, export):
    app.add_command(command)


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 the work failed, 2 wrong input, 128 + a signal."""
    with errors_as_exit_codes(), own_files_named():
        app(standalone_mode=False)
    sys.exit(0)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Turn whatever a user can run into into one message on standard error and an exit code."""
    _mend_streams()
    try:
        yield
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(_WRONG_INPUT)
    except click.UsageError as error:
        where = f" (`{error.ctx.command_path} --help` is the manual)" if error.ctx else ""
        _fail(f"{error.format_message()}{where}", _WRONG_INPUT)
    except click.ClickException as error:
        _fail(error.format_message(), _WRONG_INPUT)
    except Stopped as stop:
        _fail(str(stop), 128 + stop.signal)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", 128 + signal.SIGINT)
    except WorkFailed as error:
        _fail(str(error), _FAILED)
    except (MemoryError, RuntimeError) as error:  # without a subcommand, a script trains
        if not _is_out_of_memory(error):
            raise
        _fail(f"out of memory; {_LESS_MEMORY['train']}", _FAILED)
    except ValidationError as error:
        from hrm.config.explain import explain

        _fail("\n".join(explain(error)), _WRONG_INPUT)
    except ValueError as error:
        _fail(str(error), _WRONG_INPUT)
    except OSError as error:
        code = _FAILED if error.errno in _BEYOND_THE_USER else _WRONG_INPUT
        _fail(f"{error.filename or 'output'}: {error.strerror or error}", code)


def _mend_streams() -> None:
    """Let no finished work be lost because a standard stream is closed or knows too few letters."""
    # The next file that is opened would get the number of a closed stream, and whatever a library
    # prints there would be written into it.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        pass
    os.close(descriptor)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in _FAILING:
            stream.reconfigure(errors="replace")


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))


def _fail(message: str, code: int) -> NoReturn:
    """Of several processes one speaks: the first, or one that fails alone."""
    first = True
    with suppress(ValueError):
        first = rank() == 0
    if not first:
        if code > 128:  # stopped by a signal, which the first tells of
            sys.exit(code)
        time.sleep(_HEAD_START)
    with suppress(OSError):  # nobody reads it any more
        click.echo(f"hrm: {message}", err=True)
    sys.exit(code)
