"""The worker that gives instances of its user's endpoints to those who ask."""

import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from nats.aio.msg import Msg

from hugflow.errors import NotAuthorised
from hugflow.serving import bucket, subjects, wire
from hugflow.serving.mounting import (
    MAX_CALLS,
    MAX_DEPTH,
    Wanted,
    Way,
    delete_instance,
    serve_wanted,
)
from hugflow.serving.mounts import restore_mounts
from hugflow.serving.records import LOCAL
from hugflow.serving.seals import unseal

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

    from hugflow.serving.colink import CoLink

log = logging.getLogger(__name__)

GROUP = "get_instance"
_LONGEST_S = 600.0

AnswerQuestion = Callable[[str, dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]


class GetInstanceWorker:
    """Answers the questions of users, in the client's loop."""

    def __init__(self, cl: "CoLink") -> None:
        """Nothing is answered yet."""
        self._cl = cl
        self._subscriptions: list[Subscription] = []
        self._answers: dict[str, AnswerQuestion] = {
            "get_instance": self._get_instance,
            "release": self._release,
            "check": self._check,
            "alive": self._alive,
        }

    async def open(self) -> None:
        """Begin to answer."""
        owner = self._cl.get_user_id()
        await restore_mounts(self._cl.link)
        for verb in subjects.QUESTIONS:
            subject = subjects.question(owner, verb, "*")
            self._subscriptions.append(await self._cl.link.subscribe(subject, self._take, GROUP))

    async def close(self) -> None:
        """Answer no more."""
        for each in self._subscriptions:
            await self._cl.link.unsubscribe(each)
        self._subscriptions = []

    async def _take(self, message: Msg) -> None:
        _, _, verb, caller = message.subject.split(".")
        # A reply goes to its caller and to nobody else: we may publish where the caller may not.
        if message.reply and not message.reply.startswith(f"{subjects.inbox(caller)}."):
            log.warning("a question of %s asks for its answer elsewhere; it gets none", caller)
            return
        # Beside the next message: an answer may need answers of other users, and they of ours.
        self._cl.link.start(self._reply(message, caller, self._answers[verb]))

    async def _reply(self, message: Msg, caller: str, answer: AnswerQuestion) -> None:
        try:
            # Whether somebody is there may be asked without a seal.
            asked = message.data and unseal(self._cl, caller, message.subject, message.data)
            given = await answer(caller, wire.decode(asked or b"{}"))
        except NotAuthorised as error:
            log.warning("%s", error.what)
            return
        except Exception:
            log.exception("a question of %s cannot be answered", caller)
            return
        if message.reply:
            await message.respond(wire.encode(given))

    async def _get_instance(self, caller: str, asked: dict[str, Any]) -> dict[str, Any]:
        calls = asked["calls"][:MAX_CALLS]
        client = LOCAL if caller == self._cl.get_user_id() else caller
        within_s = min(float(asked["within_s"]), _LONGEST_S)
        path = tuple(str(each) for each in asked["path"])[: MAX_DEPTH + 1]
        way = Way(path, Way().ends_at - 10.0 + within_s, str(asked["task_id"])[:100])
        if client != LOCAL:
            log.info("\n~~~ serving get_instances request ~~~")
            log.info("task_id = %s", way.task_id)
            log.info("get_instance_calls: %s", calls)
        wanted = [Wanted(str(key), str(name), dict(values)) for key, name, values in calls]
        found = await serve_wanted(self._cl, client, wanted, way)
        return {key: got.to_json() for key, got in found.items()}

    async def _release(self, caller: str, asked: dict[str, Any]) -> dict[str, Any]:
        for flow_id in map(str, asked["flow_ids"][:MAX_CALLS]):
            instance = await bucket.read_instance(self._cl.link, flow_id)
            if instance is not None and not instance.singleton and instance.client == caller:
                await delete_instance(self._cl, flow_id)
        return {}

    async def _alive(self, caller: str, asked: dict[str, Any]) -> dict[str, Any]:
        del caller, asked
        return {"user_id": self._cl.get_user_id()}

    async def _check(self, caller: str, asked: dict[str, Any]) -> dict[str, Any]:
        instance = await bucket.read_instance(self._cl.link, str(asked["flow_id"]))
        owner = self._cl.get_user_id()
        return {
            "is_known": instance is not None,
            "is_allowed": instance is not None and instance.may_be_messaged_by(caller, owner),
        }
