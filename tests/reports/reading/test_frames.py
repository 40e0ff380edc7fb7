from pathlib import Path

from reports.reading.frames import Tail, extent


def stream(paper: Path) -> bytes:
    (path,) = paper.glob("calls-*.arrow")
    return path.read_bytes()


def test_a_closed_stream_is_ended_and_holds_its_frames(paper: Path) -> None:
    data = stream(paper)
    found = extent(data)
    assert found.tail is Tail.ENDED
    assert found.frames == 4  # the schema, the empty batch that puts it down, and two batches
    assert found.whole_bytes == len(data) - 8  # the end marker is eight bytes


def test_every_prefix_is_cut_and_its_frames_only_grow(paper: Path) -> None:
    data = stream(paper)
    frames = []
    for length in range(len(data)):
        found = extent(data[:length])
        assert found.tail is Tail.CUT
        assert found.whole_bytes <= length
        frames.append(found.frames)
    assert frames == sorted(frames)
    assert set(frames) == {0, 1, 2, 3, 4}


def test_nothing_at_all_is_a_cut_stream() -> None:
    assert extent(b"").tail is Tail.CUT


def test_other_content_is_damaged() -> None:
    assert extent(b"ARROW1\0\0 a file, not a stream").tail is Tail.DAMAGED
    assert extent(b"{}").tail is Tail.DAMAGED
    assert extent(bytes(64)).tail is Tail.DAMAGED


def test_a_tail_of_zeros_is_damage_not_a_cut(paper: Path) -> None:
    data = stream(paper)
    whole = extent(data).whole_bytes
    found = extent(data[:whole] + bytes(16))
    assert (found.tail, found.whole_bytes) == (Tail.DAMAGED, whole)


def test_bytes_after_the_end_marker_are_damage(paper: Path) -> None:
    assert extent(stream(paper) + b"x").tail is Tail.DAMAGED


def test_lengths_that_cannot_be_are_damage() -> None:
    negative = b"\xff\xff\xff\xff" + (-8).to_bytes(4, "little", signed=True)
    assert extent(negative + bytes(32)).tail is Tail.DAMAGED
    wild_root = b"\xff\xff\xff\xff" + (8).to_bytes(4, "little") + b"\xff" * 8
    assert extent(wild_root).tail is Tail.DAMAGED
