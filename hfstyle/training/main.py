"""The command `train.py METHOD [options]`."""

import logging
import sys
from collections.abc import Sequence

import tyro
from accelerate import PartialState

from hfstyle.arguments import parse
from hfstyle.errors import HfstyleError
from hfstyle.training.bank import Bank
from hfstyle.training.cut import CUT
from hfstyle.training.cyclegan import CycleGAN
from hfstyle.training.dcgan import DCGAN
from hfstyle.training.machine import memory_errors
from hfstyle.training.pix2pix import Pix2Pix
from hfstyle.training.stylegram import StyleGram
from hfstyle.training.trainer import Trainer, dry_run

METHODS = {method.name: method for method in (CycleGAN, CUT, Pix2Pix, StyleGram, Bank, DCGAN)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and train. Returns the exit code: 2 for bad input, 130 when interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    if not arguments or arguments[0] not in METHODS:
        wants_help = bool(arguments) and arguments[0] in ("-h", "--help")
        print(_usage(), file=sys.stdout if wants_help else sys.stderr)
        return 0 if wants_help else 2
    method = METHODS[arguments[0]]
    try:
        config = parse(
            tyro.cli,
            method.Config,
            prog=f"train.py {arguments[0]}",
            description=method.Config.__doc__,
            args=arguments[1:],
        )
        with memory_errors():
            if config.dry_run:
                dry_run(method, config)
            else:
                Trainer(method, config).train()
    except HfstyleError as error:
        if not error.said_elsewhere:
            print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:
        print(str(stopped) or "interrupted", file=sys.stderr)
        return 130
    finally:
        if PartialState._shared_state:
            PartialState().destroy_process_group()  # left open, it ends in a crash of its own
    return 0


def _usage() -> str:
    methods = "\n".join(f"  {name:<10} {method.Config.__doc__}" for name, method in METHODS.items())
    return f"usage: accelerate launch train.py METHOD [options]\n\nmethods (each with its own --help):\n{methods}"
