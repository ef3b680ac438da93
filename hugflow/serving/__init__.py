"""Flows served to other users, and their instances.

from hugflow.serving import connect, get_flow_instance

cl = connect("alice.seed", "nats://gpu-team:4222")
recogniser = get_flow_instance(cl, "asr", user_id="UDXU...")
recogniser.get_reply_future(recogniser.package_input_message({"text": "..."})).get_data()
"""

from hugflow.errors import FlowError, FlowInstanceError
from hugflow.flows.messages import FlowFuture, FlowMessage
from hugflow.serving.colink import CoLink, connect
from hugflow.serving.colink_utils import (
    print_flow_instances,
    print_served_flows,
    start_colink_server_with_users,
    start_flow_server_with_users,
)
from hugflow.serving.serving import (
    delete_flow_endpoint,
    delete_flow_instance,
    get_flow_instance,
    recursive_serve_flow,
    serve_flow,
    unserve_flow,
)
from hugflow.serving.workers import run_dispatch_worker_thread, run_get_instance_worker_thread
from hugflow.serving.yaml_files import read_yaml_file

__all__ = [
    "CoLink",
    "FlowError",
    "FlowFuture",
    "FlowInstanceError",
    "FlowMessage",
    "connect",
    "delete_flow_endpoint",
    "delete_flow_instance",
    "get_flow_instance",
    "print_flow_instances",
    "print_served_flows",
    "read_yaml_file",
    "recursive_serve_flow",
    "run_dispatch_worker_thread",
    "run_get_instance_worker_thread",
    "serve_flow",
    "start_colink_server_with_users",
    "start_flow_server_with_users",
    "unserve_flow",
]
