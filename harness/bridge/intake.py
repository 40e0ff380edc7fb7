"""What workers tell the master, on its way to the run under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from harness.bridge.cashier import ask_from
from harness.bridge.conductor import Conductor
from harness.bridge.listening import Listening
from harness.bridge.messages import ASK, GRANT, RECEIPT, RECORDS, TALLY
from harness.play.tally import from_message
from harness.record.parcel import Parcel, message, received


class Intake:
    """Takes the messages of a master's workers to the run that `running` gives, if there is one."""

    def __init__(self, runner: Any, running: Callable[[], Conductor | None]) -> None:
        self._runner = runner
        self._running = running
        self.listening = Listening(runner.client_listener)
        runner.register_message(TALLY, self._on_tally)
        runner.register_message(RECORDS, self._on_records)
        runner.register_message(ASK, self._on_ask)

    def look_for_lost(self, conductor: Conductor) -> None:
        """See which workers of a run are there no more."""
        for worker in conductor.plan.workers:
            node = self._runner.clients.get(worker)
            if node is None:
                conductor.roll.leaves(worker)
            elif node.state == "missing":
                conductor.roll.disappears(worker)

    def _on_tally(self, msg: Any, **_: Any) -> None:
        self.listening.here()
        conductor = self._running()
        if conductor is not None and conductor.plan.run == msg.data["run"]:
            conductor.hear(msg.node_id, from_message(msg.data))

    def _on_records(self, msg: Any, **_: Any) -> None:
        conductor = self._running()
        if conductor is None:
            return
        receipt = conductor.roll.take(msg.node_id, received(msg.data, Parcel))
        if receipt is not None:
            self._runner.send_message(RECEIPT, message(receipt), msg.node_id)

    def _on_ask(self, msg: Any, **_: Any) -> None:
        conductor = self._running()
        if conductor is None or conductor.cashier is None or conductor.plan.run != msg.data["run"]:
            return
        grant = conductor.cashier.ask(msg.node_id, ask_from(msg.data))
        answer = {"run": conductor.plan.run, **msgspec.to_builtins(grant)}
        self._runner.send_message(GRANT, answer, client_id=msg.node_id)
