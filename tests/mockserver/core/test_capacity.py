"""Slots and queue: first come, first served, never more than the share, nobody lost."""

import math

from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.capacity import Capacity
from mockserver.profile import CapacitySettings


def test_slots_then_queue_then_refusal() -> None:
    capacity = Capacity(CapacitySettings(slots=2, queue=1))
    assert [capacity.arrive(ticket, 0) for ticket in range(4)] == ["started", "started", "queued", "rejected"]


def test_the_first_in_the_queue_takes_the_place_of_who_leaves() -> None:
    capacity = Capacity(CapacitySettings(slots=1, queue=5))
    for ticket in range(4):
        capacity.arrive(ticket, 0)
    assert [item.ticket for item in capacity.leave(0, 0)] == [1]
    assert [item.ticket for item in capacity.leave(1, 0)] == [2]


def test_who_leaves_the_queue_gives_up_the_place() -> None:
    capacity = Capacity(CapacitySettings(slots=1, queue=2))
    for ticket in range(3):
        capacity.arrive(ticket, 0)
    assert capacity.leave(1, 0) == ()
    assert capacity.arrive(3, 0) == "queued"
    assert [item.ticket for item in capacity.leave(0, 0)] == [2]


def test_the_others_take_their_part_of_the_slots() -> None:
    capacity = Capacity(CapacitySettings(slots=10, queue=10))
    assert capacity.share(0.45) == 5
    # In doubles the product of 200 and 0.55 is 110.00000000000001.
    assert Capacity(CapacitySettings(slots=200)).share(0.45) == 110
    assert Capacity(CapacitySettings(slots=70)).share(0.3) == 49
    placements = [capacity.arrive(ticket, 0.45) for ticket in range(6)]
    assert placements == ["started"] * 5 + ["queued"]


def test_what_runs_goes_on_when_the_share_shrinks_and_nothing_starts() -> None:
    capacity = Capacity(CapacitySettings(slots=10, queue=10))
    for ticket in range(12):
        capacity.arrive(ticket, 0)
    assert capacity.leave(0, 0.5) == ()
    assert capacity.running == 9


def test_a_tick_starts_those_for_whom_the_background_made_room() -> None:
    capacity = Capacity(CapacitySettings(slots=10, queue=10))
    for ticket in range(8):
        capacity.arrive(ticket, 0.5)
    assert [item.ticket for item in capacity.tick(0.3)] == [5, 6]


def test_nobody_overtakes_the_queue_when_there_is_room_again() -> None:
    capacity = Capacity(CapacitySettings(slots=1, queue=2))
    capacity.arrive(0, 0)
    capacity.arrive(1, 0)
    capacity.configure(CapacitySettings(slots=5, queue=2))
    assert capacity.arrive(2, 0) == "queued"
    assert [item.ticket for item in capacity.tick(0)] == [1, 2]


def test_the_batch_is_as_full_as_all_customers_make_it() -> None:
    capacity = Capacity(CapacitySettings(slots=10, queue=5))
    capacity.arrive(0, 0.4)
    capacity.arrive(1, 0.4)
    assert math.isclose(capacity.fullness(0.4), 0.6)
    for ticket in range(2, 10):
        capacity.arrive(ticket, 0.0)
    assert capacity.fullness(0.4) == 1.0


def test_no_slots_set_means_no_limit() -> None:
    capacity = Capacity(CapacitySettings(slots=0))
    assert {capacity.arrive(ticket, 0.9) for ticket in range(1000)} == {"started"}
    assert capacity.fullness(0.9) == 0


_OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "leave", "tick"]), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(0)
    ),
    max_size=120,
)


@given(_OPERATIONS, st.integers(1, 6), st.integers(0, 5))
def test_laws_hold_on_every_path(operations: list[tuple[str, float, int]], slots: int, queue: int) -> None:
    capacity = Capacity(CapacitySettings(slots=slots, queue=queue))
    inside: list[int] = []
    order: list[int] = []  # of the queue, as a plain list
    arrived = left = rejected = 0
    for kind, background, pick in operations:
        starts: list[int] = []
        before = capacity.running
        if kind == "arrive":
            placement = capacity.arrive(arrived, background)
            if placement == "rejected":
                rejected += 1
                assert len(order) == queue
            else:
                inside.append(arrived)
            if placement == "queued":
                order.append(arrived)
            arrived += 1
        elif kind == "leave" and inside:
            ticket = inside.pop(pick % len(inside))
            left += 1
            if ticket in order:
                order.remove(ticket)
            starts = [item.ticket for item in capacity.leave(ticket, background)]
        else:
            starts = [item.ticket for item in capacity.tick(background)]
        assert starts == order[: len(starts)]
        del order[: len(starts)]
        assert capacity.running <= max(before, capacity.share(background))
        assert capacity.running <= slots
        assert capacity.queued == len(order) <= queue
        assert arrived == left + rejected + capacity.running + capacity.queued
