"""The command `flows` with the commands that other modules add to it."""

from hugflow.cli import flow_uploads, flows, serving

app = flows.app
flow_uploads.add_to(app)
serving.add_to(app)
