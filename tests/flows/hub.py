"""The seed's two modules on the loopback Hub, and small ones of one's own."""

from collections.abc import Mapping
from textwrap import dedent

from hugflow.testing.hub import LoopbackHub

ATOMIC = "martinjosifoski/ChatAtomicFlow"
CHAT = "saibo/ChatFlows"


def publish(
    hub: LoopbackHub, repo_id: str, files: Mapping[str, str | bytes], **options: object
) -> str:
    """Publish a module; the commit. Like every model repository it has a .gitattributes."""
    whole: dict[str, bytes] = {".gitattributes": b"*.bin filter=lfs\n"}
    whole |= {
        path: text if isinstance(text, bytes) else dedent(text).encode()
        for path, text in files.items()
    }
    return hub.publish(repo_id, whole, kind="models", **options)  # type: ignore[arg-type]


def to_entry(module: str) -> dict[str, object]:
    """The dependency that `user/repo[:revision][!]` says; `!` is for overwrite."""
    url, _, revision = module.removesuffix("!").partition(":")
    entry: dict[str, object] = {"url": url, "revision": revision or "main"}
    return entry | {"overwrite": True} if module.endswith("!") else entry


def asking(*modules: str) -> str:
    """The line of a file that asks for modules."""
    return f"dependencies = {[to_entry(module) for module in modules]!r}\n"


def publish_atomic(hub: LoopbackHub, **options: object) -> str:
    """The seed's module that others depend on."""
    files = {
        "__init__.py": "from .ChatAtomicFlow import ChatAtomicFlow\n",
        "ChatAtomicFlow.py": """\
            from flows import flow_verse
            from hugflow.flows import AtomicFlow

            class ChatAtomicFlow(AtomicFlow):
                def run(self, data):
                    return {"answer": f"{self.config['greeting']} {data['question']}"}
            """,
        "ChatAtomicFlow.yaml": "greeting: Hello\n",
        "README.md": "# ChatAtomicFlow\n",
    }
    return publish(hub, ATOMIC, files, **options)


def publish_chat(hub: LoopbackHub, atomic: str, **options: object) -> str:
    """The seed's module that depends on it, at a commit."""
    files = {
        "__init__.py": "from .ChatGPT4 import ChatGPT4\n",
        "ChatGPT4.py": f"""\
            dependencies = [
                {{"url": "martinjosifoski/ChatAtomicFlow", "revision": "{atomic}"}}
            ]
            from flows import flow_verse
            flow_verse.sync_dependencies(dependencies) 

            from flow_modules.martinjosifoski.ChatAtomicFlow import ChatAtomicFlow

            class ChatGPT4(ChatAtomicFlow):
                def __init__(self, **kwargs):
                    super().__init__(**kwargs)
            """,
        "ChatGPT4.yaml": "greeting: Good day,\n",
        "README.md": "# ChatFlows\n",
    }
    return publish(hub, CHAT, files, **options)
