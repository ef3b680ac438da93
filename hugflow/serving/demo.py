"""The notebook of two users, as `hugflow flows demo` runs it: offline, and nothing is kept."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from hugflow.serving import colink_utils, serving
from hugflow.serving.colink import CoLink, Project
from hugflow.serving.examples import MODULE, copy_examples
from hugflow.serving.workers import run_dispatch_worker_thread, run_get_instance_worker_thread


def run_demo(say: Callable[[str], None]) -> None:
    """Two users on a server of their own: one serves a flow that the other uses as a subflow."""
    with tempfile.TemporaryDirectory(prefix="hugflow-demo-") as folder:
        copy_examples(Path(folder))
        clients = colink_utils.start_flow_server_with_users(2, project=Project(Path(folder)))
        try:
            _run(clients, say)
        finally:
            for cl in clients:
                cl.close()


def _run(clients: list[CoLink], say: Callable[[str], None]) -> None:
    owner, user = clients
    say(f"User 0 id: {owner.get_user_id()}")
    say(f"User 1 id: {user.get_user_id()}")
    for cl in clients:
        run_dispatch_worker_thread(cl)
        run_get_instance_worker_thread(cl)
    serving.serve_flow(
        owner, f"{MODULE}.ReverseNumberAtomicFlow", "reverse_number_atomic", singleton=True
    )
    serving.serve_flow(user, f"{MODULE}.ReverseNumberSequentialFlow", "reverse_number_sequential")
    placed = {"user_id": owner.get_user_id()}
    overrides = {"subflows_config": {"first_reverse_flow": placed, "second_reverse_flow": placed}}
    data = {"id": 0, "number": 1234}
    flow = serving.get_flow_instance(user, "reverse_number_sequential", "local", overrides)
    reply = flow.get_reply_future(flow.package_input_message(data)).get_data()
    say(f"Data sent:\n {data}\n")
    say(f"REPLY:\n {reply}\n")
    remote = serving.get_flow_instance(user, "reverse_number_atomic", owner.get_user_id())
    say(str(remote.get_reply_future(remote.package_input_message(data)).get_data()))
    for cl in clients:
        colink_utils.print_served_flows(cl)
        say("\nAll flow instances:")
        colink_utils.print_flow_instances(cl)
