"""Served flows on the command line: further commands of `hugflow flows`."""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hugflow.amounts import count
from hugflow.cli.builds import open_project
from hugflow.cli.flow_words import (
    EXAMPLE,
    CalledEndpoint,
    DispatchPoint,
    DispatchPoints,
    Endpoint,
    MessageId,
    UserName,
    find_endpoint_and_class,
    plain_reply,
    read_message,
)
from hugflow.cli.options import AsJson, print_help_of_group
from hugflow.cli.output import (
    print_data,
    print_json,
    print_talk,
    set_up_logging,
)
from hugflow.cli.up import stop_on_signals
from hugflow.errors import FlowServerUnavailable, UsageWrong
from hugflow.flows.project_key import trust_of
from hugflow.flows.trust import Allowed
from hugflow.settings import ProjectSettings
from hugflow.settings_model import SECRETS
from hugflow.supervisor import Service, Supervisor

if TYPE_CHECKING:
    from hugflow.flows.messages import FlowFuture
    from hugflow.serving.places import ProjectServing
    from hugflow.serving.server import FlowServer

users = typer.Typer()


def add_to(app: typer.Typer) -> None:
    """Add the commands to `hugflow flows`."""
    app.command("up", short_help="Run the server of flows, and a worker.")(up)
    app.add_typer(users, name="user", short_help="Make, add and revoke users.")
    app.command("serve", short_help="Serve a flow at an endpoint.")(serve)
    app.command("unserve", short_help="Give no new instances of a flow.")(unserve)
    app.command("status", short_help="Show what is served, and what waits.")(status)
    app.command("call", short_help="Send a message to a served flow.")(call)
    app.command("worker", short_help="Run the workers of this project's user.")(worker)
    app.command("demo", short_help="Two users and a subflow of the other, offline.")(demo)


def up(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; without it, this machine's own.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port; without it the one that it had, or a free one."),
    ] = None,
    has_worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run this project's workers, too.")
    ] = True,
    cert: Annotated[
        Path | None, typer.Option("--cert", help="PEM file of the server's certificate, for TLS.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="PEM file of its key.")] = None,
    max_gb: Annotated[
        float | None,
        typer.Option(min=0.01, help="Room for all that waits; without it 3/4 of what is free."),
    ] = None,
    is_insecure: Annotated[
        bool, typer.Option("--insecure", help="Let other machines connect without TLS.")
    ] = False,
) -> None:
    """Run this project's server of flows, and its workers, until they are stopped.

    The project's user is made when it is missing. What the project file declares below `serve:` is
    served. A process that ends is started again. An address that other machines reach needs --cert
    and --key, or tls_cert and tls_key of the project file.
    """
    project = open_project()
    serving = _find_serving(project)
    if not serving.has_own_server:
        raise UsageWrong(
            "this project uses a server elsewhere",
            why=f"its project file says flows: server: {serving.config.server}",
            mend="run `hugflow flows worker` here",
        )
    from hugflow.serving.server import HOST, is_open
    from hugflow.serving.tls import check_exposure

    own_host, own_port = serving.own_address or (HOST, None)
    certificate = serving.find_certificate(cert, key)
    warning = check_exposure(host or own_host, certificate, is_insecure=is_insecure)
    if warning:
        print_talk(warning)
    server = serving.server(host or own_host, port or own_port)
    if serving.own_address is not None and is_open(server.host, server.port):
        raise UsageWrong(
            f"something answers at {server.url} already",
            why=f"its project file says flows: server: {serving.config.server}",
            mend="if it is the server, run `hugflow flows worker`; else write another port",
        )
    server.use_certificate(certificate)
    server.limit_store(round(max_gb * 1e9) if max_gb is not None else None)
    serving.admit_own_user(server)
    server.write_config()
    services = [_server_service(server)]
    if has_worker:
        services.append(worker_service(serving, server.url, find_inherited(project)))
    print_talk(f"opening {server.url} (stop it with Ctrl-C)")
    Supervisor(
        services,
        folder=serving.project.root,
        environment=os.environ,
        say=print_talk,
    ).run(stop_on_signals())


@users.callback(invoke_without_command=True)
def user(context: typer.Context) -> None:
    """Make, add and revoke users of this project's server."""
    print_help_of_group(context)


@users.command("new", short_help="Make a user: a seed file, and its id.")
def new_user(name: UserName) -> None:
    """Make a user and let it connect to this project's server. Prints its id.

    The seed is a secret, in a file that you alone may read. A user that is there keeps its seed.
    """
    server = _own_server()
    user_id = server.make_user(name)
    server.apply()
    print_data(user_id)
    print_talk(f"its seed is in {server.seed_file(name)}")


@users.command("add", short_help="Let a user connect whose seed lies elsewhere.")
def add_user(
    name: UserName, user_id: Annotated[str, typer.Argument(metavar="ID", help="Its public key.")]
) -> None:
    """Let a user connect whose seed was made on another machine."""
    server = _own_server()
    server.add_user(name, user_id)
    server.apply()
    print_data(f"{name} may connect")


@users.command("revoke", short_help="Disconnect a user, and let it in no more.")
def revoke_user(name: UserName) -> None:
    """Disconnect a user at once, and let it connect no more. What it serves is kept."""
    server = _own_server()
    server.revoke_user(name)
    server.apply()
    print_data(f"{name} may not connect any more")


@users.command("list", short_help="Show the users of this project's server.")
def list_users(as_json: AsJson = False) -> None:
    """Show the users of this project's server: names and ids."""
    found = _own_server().user_ids()
    if as_json:
        print_json({"users": found})
        return
    for name, user_id in found.items():
        print_data(f"{name:<20} {user_id}")


def serve(
    first: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The name it is served under.")],
    second: Annotated[str, typer.Argument(metavar="CLASS", help="my_flows.Clean")],
    dispatch_point: DispatchPoint = "coflows_dispatch",
    is_parallel: Annotated[
        bool, typer.Option("--parallel", help="Messages run at once; it keeps no state.")
    ] = False,
    is_singleton: Annotated[
        bool, typer.Option("--singleton", help="All callers get the same instance.")
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="USER", help="Who may have an instance; none, or *: everyone."),
    ] = None,
) -> None:
    """Serve a class of this project, or of a synced module, at an endpoint.

    The two may come in either order: a class has a dot.
    """
    endpoint, flow = find_endpoint_and_class(first, second)
    serving = _find_serving(open_project())
    allowed = serving.find_ids(allow or None)
    from hugflow.flows.environment import scrub_own_environment
    from hugflow.serving import serve_flow

    with serving.connect() as cl:
        scrub_own_environment()
        is_new = serve_flow(cl, flow, endpoint, dispatch_point, is_parallel, is_singleton, allowed)
        me = cl.get_user_id()
    print_data(f"flows:{endpoint} is served by {me}" + ("" if is_new else " already"))


def unserve(
    endpoint: Endpoint,
    deletes: Annotated[
        bool, typer.Option("--delete", help="Delete its instances and their states, too.")
    ] = False,
) -> None:
    """Give no new instances of an endpoint. Those that exist keep answering, unless --delete."""
    from hugflow.serving import delete_flow_endpoint, unserve_flow

    with _find_serving(open_project()).connect() as cl:
        was_there = (delete_flow_endpoint if deletes else unserve_flow)(cl, endpoint)
    if was_there:
        print_data(f"flows:{endpoint} is " + ("deleted" if deletes else "not served any more"))
    else:
        print_data(f"flows:{endpoint} was not " + ("there" if deletes else "served"))


def status(as_json: AsJson = False) -> None:
    """Show this user's endpoints: instances, messages that wait, and whether a worker runs."""
    from hugflow.serving.descriptions import show_description
    from hugflow.serving.status import read_status

    with _find_serving(open_project()).connect() as cl:
        found = read_status(cl)
    if as_json:
        print_json(dataclasses.asdict(found))
        return
    print_talk(f"user {found.user_id}")
    if not found.gives_instances:
        print_talk("no get_instance worker: `hugflow flows worker`")
    for each in found.endpoints:
        state = "served" if each.is_open else "unserved"
        runs = "" if each.has_worker else f"  no worker of {each.dispatch_point}"
        waiting = f"{each.waiting} waiting"
        version = f" {each.description['version']}" if each.description.get("version") else ""
        print_data(
            f"{each.name:<24} {state:<9} {count(each.instances, 'instance'):<14} {waiting:<12} "
            f"{each.flow_class_name}{version}{runs}"
        )
        shown = show_description(each.description)
        if shown:
            print_data(f"{'':<24} {shown}")


def call(
    endpoint: CalledEndpoint = None,
    words: Annotated[
        str | None, typer.Argument(metavar="JSON", help="The message: a JSON mapping.")
    ] = None,
    user: Annotated[str, typer.Option("--user", help="Who serves it: a name or an id.")] = "local",
    data: Annotated[
        str | None, typer.Option("--data", metavar="JSON", help="The message, as an option.")
    ] = None,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds to wait.")] = 60.0,
    message_id: MessageId = None,
    is_asked_only: Annotated[
        bool, typer.Option("--state", help="With --message: print how far it is, and no reply.")
    ] = False,
) -> None:
    """Get an instance, send it a message, and print the reply as JSON.

    The id of the message goes to stderr. `--message ID` asks for the reply to an earlier one, which
    may have been sent by another process of this user.
    """
    from hugflow.serving import get_flow_instance
    from hugflow.serving.replies import call_state, resume

    if (endpoint is None) == (message_id is None):
        raise UsageWrong(
            "give either an endpoint or --message ID",
            why="one sends a message, the other asks for its reply",
            mend=EXAMPLE,
        )
    sent = read_message(words, data)
    serving = _find_serving(open_project())
    with serving.connect() as cl:
        if message_id is not None:
            state = call_state(cl, message_id)
            if is_asked_only:
                print_data(state)
                return
            if state == "unknown":
                raise _unknown_message(message_id)
            _print_reply(resume(cl, message_id), timeout_s)
            return
        flow = get_flow_instance(cl, str(endpoint), serving.find_id(user))
        message = flow.package_input_message(sent)
        print_talk(f"message {message.message_id}")
        _print_reply(flow.get_reply_future(message), timeout_s)


def worker(
    dispatch_points: DispatchPoints = None,
    threads: Annotated[int, typer.Option(min=1, help="Messages at once.")] = 64,
) -> None:
    """Run the workers of this project's user, until they are stopped.

    The flows see none of your environment but PATH, HOME and the like: no token.
    """
    project = open_project()
    set_up_logging("INFO", project.settings.log_format)
    from hugflow.serving.subjects import DEFAULT_DISPATCH_POINT
    from hugflow.serving.worker import run_workers

    serving = _find_serving(project)
    points = dispatch_points or [DEFAULT_DISPATCH_POINT]
    run_workers(serving.connect(), serving, points, threads, stop_on_signals())


def demo() -> None:
    """Run the notebook of two users on a server of their own; nothing is kept.

    User 0 serves a flow that reverses a number; user 1 uses it twice as a subflow.
    """
    project = open_project()
    set_up_logging("INFO", project.settings.log_format)
    from hugflow.serving.demo import run_demo

    run_demo(print_data)


def _print_reply(future: "FlowFuture", timeout_s: float) -> None:
    """Wait for the reply and print it; FlowServerUnavailable if it does not come in time."""
    try:
        print_json(plain_reply(future.get_data(timeout_s)))
    except TimeoutError as error:
        raise FlowServerUnavailable(
            f"no reply to {future.message_id} within {timeout_s:g} s",
            why="no worker runs it, or it takes longer; the reply may still come",
            mend=f"ask again with `hugflow flows call --message {future.message_id}`",
        ) from error


def _unknown_message(message_id: str) -> UsageWrong:
    return UsageWrong(
        f"there is no message {message_id}",
        why="this user sent none with this id within the last day",
        mend="check the id: `hugflow flows call` printed it when it sent the message",
    )


def _find_serving(project: ProjectSettings) -> "ProjectServing":
    from hugflow.serving.places import serving_at

    root, inherited = project.root or Path.cwd(), find_inherited(project)
    return serving_at(root, project.file, project.places.state_dir, inherited)


def find_inherited(project: ProjectSettings) -> list[Allowed]:
    """The entries that the project's allow list takes over from its parents'."""
    own = trust_of(project.file).allowed
    return [entry for entry in project.trust.allowed if entry not in own]


def _own_server() -> "FlowServer":
    return _find_serving(open_project()).server()


def _server_service(server: "FlowServer") -> Service:
    made: list[bool] = []

    def is_well() -> bool:
        from hugflow.serving.server import is_open

        if not is_open(server.host, server.port):
            return False
        if not made:
            server.make_streams()
            made.append(True)
        return True

    return Service("the server of flows", server.command(), is_well, without=SECRETS)


def worker_service(
    serving: "ProjectServing", url: str, inherited: Sequence[Allowed] = ()
) -> Service:
    """The workers of the project's user as a process.

    inherited: entries of parents' allow lists; the worker itself reads the project's own file alone.
    """
    from hugflow.flows.environment import KEPT
    from hugflow.serving.declared import declared_points

    command = (sys.executable, "-m", "hugflow.serving.worker", "--url", url)
    places = (
        *("--root", str(serving.project.root), "--seed", str(serving.seed_file)),
        *("--state-dir", str(serving.state_dir)),
    )
    # It keeps PYTHONPATH until it has started; then it deletes that, too.
    names = frozenset({*KEPT, "PYTHONPATH"})
    points = [f"--dispatch-point={each}" for each in declared_points(serving.config.serve)]
    allow = [f"--allow={entry}" for entry in inherited]
    return Service("the worker of flows", (*command, *places, *points, *allow), only=names)
