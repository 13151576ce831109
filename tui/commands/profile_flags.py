"""The flags of `pgdeck profile add`: one for every key of a profile's file."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from profiles import conninfo
from profiles.errors import ConfigurationError, Problem
from profiles.model import CredentialSource, EnvironmentClass, Guard

CONNECTION_FLAGS = ("host", "port", "database", "user", "sslmode", "service")
POOL_WHOLE = ("size", "max-overflow")
POOL_SECONDS = ("timeout-s", "recycle-s", "query-timeout-s")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    classes = [member.value for member in EnvironmentClass]
    parser.add_argument(
        "--class", dest="environment", choices=classes, required=True, help="the environment class"
    )
    parser.add_argument("--manifest", required=True, metavar="NAME|FILE", help="what its database must have")
    for flag in CONNECTION_FLAGS:
        parser.add_argument(f"--{flag}", metavar="VALUE", help=f"connection.{flag}")
    parser.add_argument(
        "--set",
        dest="parameters",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other libpq parameter of [connection]; again for more",
    )
    parser.add_argument(
        "--direct", action="append", default=[], metavar="KEY=VALUE", help="a parameter of [direct]"
    )
    parser.add_argument(
        "--replica",
        action="append",
        default=[],
        metavar="CONNINFO",
        help='as in --replica "host=r1 port=5433"',
    )
    parser.add_argument(
        "--credentials",
        choices=[member.value for member in CredentialSource],
        metavar="SOURCE",
        help="where the password comes from: " + ", ".join(CredentialSource),
    )
    parser.add_argument("--variable", metavar="NAME", help="for --credentials environment")
    parser.add_argument(
        "--command", metavar="WORDS", help='for --credentials command, as in "pass show sales"'
    )
    parser.add_argument(
        "--guard", choices=[member.value for member in Guard], help="what it takes to run a step"
    )
    for flag in (*POOL_WHOLE, *POOL_SECONDS):
        parser.add_argument(
            f"--pool-{flag}",
            type=int if flag in POOL_WHOLE else float,
            metavar="N",
            help=f"pool.{flag.replace('-', '_')}",
        )
    parser.add_argument(
        "--pool-application",
        action="append",
        metavar="PATTERN",
        help="application_name of the pool's sessions; again for more",
    )
    parser.add_argument(
        "--pool-pgbouncer", metavar="CONNINFO", help="PgBouncer's console, without a password"
    )
    parser.add_argument("--replace", action="store_true", help="overwrite a profile of this name")


def tables_from(arguments: argparse.Namespace) -> dict[str, Any]:
    """The tables of the file that the flags describe.

    Raises:
        ConfigurationError: KEY=VALUE or CONNINFO is malformed.
    """
    problems: list[Problem] = []
    connection: dict[str, str] = {
        flag: getattr(arguments, flag) for flag in CONNECTION_FLAGS if getattr(arguments, flag) is not None
    }
    made: dict[str, Any] = {"environment": arguments.environment, "manifest": arguments.manifest}
    made["connection"] = connection | _pairs(arguments.parameters, "--set", problems)
    if arguments.direct:
        made["direct"] = _pairs(arguments.direct, "--direct", problems)
    if replicas := [_parameters(text, problems) for text in arguments.replica]:
        made["replica"] = replicas
    made |= _credentials(arguments)
    if arguments.guard is not None:
        made["guard"] = {"steps": arguments.guard}
    if pool := _pool(arguments):
        made["pool"] = pool
    if problems:
        raise ConfigurationError(problems)
    return made


def _pairs(texts: list[str], flag: str, problems: list[Problem]) -> dict[str, str]:
    made: dict[str, str] = {}
    for text in texts:
        keyword, equals, value = text.partition("=")
        if not equals or not keyword:
            problems.append(
                Problem("pgdeck profile add", flag, "this is not KEY=VALUE", f"write {flag} KEY=VALUE")
            )
        else:
            made[keyword] = value
    return made


def _parameters(text: str, problems: list[Problem]) -> dict[str, str]:
    try:
        return conninfo.parse(text)
    except conninfo.NotConninfo as error:
        remedy = 'write it as libpq has it, such as "host=replica-1 port=5433"'
        problems.append(Problem("pgdeck profile add", "--replica", str(error), remedy))
        return {}


def _credentials(arguments: argparse.Namespace) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if arguments.credentials is not None:
        made["source"] = arguments.credentials
    if arguments.variable is not None:
        made["variable"] = arguments.variable
    if arguments.command is not None:
        made["command"] = shlex.split(arguments.command)
    return {"credentials": made} if made else {}


def _pool(arguments: argparse.Namespace) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for flag in (*POOL_WHOLE, *POOL_SECONDS):
        key = flag.replace("-", "_")
        if (value := getattr(arguments, f"pool_{key}")) is not None:
            made[key] = value
    if arguments.pool_application is not None:
        made["applications"] = arguments.pool_application
    if arguments.pool_pgbouncer is not None:
        made["pgbouncer"] = arguments.pool_pgbouncer
    return made
