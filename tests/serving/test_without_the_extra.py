"""Without `hugflow[flows]` the core works, and served flows say what to install."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules.update(nats=None, nkeys=None, nacl=None)
import hugflow.serving, hugflow.cli.main, hugflow.stages.flowing.run_steps
from hugflow.errors import FlowServerUnavailable
try:
    hugflow.serving.start_flow_server_with_users(1)
except FlowServerUnavailable as error:
    assert error.mend == "pip install 'hugflow[flows]'", error.mend
else:
    raise SystemExit("it started")
"""


def test_without_the_packages_the_error_says_how_to_install_them() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
