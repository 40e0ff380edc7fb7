"""Thai prompts from templates."""

import re
from random import Random

import pytest

from harness.errors import ConfigError
from harness.workload.kinds import KINDS
from harness.workload.prompts import PromptBook
from harness.workload.prompts_th import TABLES, TEMPLATES
from harness.workload.schedule import Writer

THAI = re.compile("[\u0e00-\u0e7f]")
SLOT = re.compile(r"\{(\w+)\}")


def test_kinds_and_templates_have_the_same_names() -> None:
    assert [kind.name for kind in KINDS] == list(TEMPLATES)
    assert len(KINDS) >= 8


def test_every_kind_is_asked_for_in_more_than_one_way() -> None:
    assert all(len(templates) >= 2 for templates in TEMPLATES.values())


def test_every_slot_has_a_table_and_every_table_is_used() -> None:
    used = {slot for templates in TEMPLATES.values() for text in templates for slot in SLOT.findall(text)}
    assert used == set(TABLES)
    for options in TABLES.values():
        assert len(set(options)) == len(options) >= 2
        assert not any("{" in option or "}" in option for option in options)


def test_an_evening_writes_thousands_of_distinct_thai_prompts() -> None:
    writer = Writer(7)
    arrivals = [writer.write(call_id, None) for call_id in range(3000)]
    prompts = [arrival.prompt for arrival in arrivals]
    assert len(set(prompts)) >= 1000
    for prompt in prompts:
        assert "{" not in prompt
        assert "}" not in prompt
        assert prompt == prompt.strip()
        assert len(THAI.findall(prompt)) > len(prompt) / 2
    assert {arrival.kind for arrival in arrivals} == set(TEMPLATES)


@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_every_template_and_every_word_comes_up(kind: str) -> None:
    book = PromptBook(Random(1))
    written = {book.write(kind) for _ in range(3000)}
    assert len(written) >= 100
    for template in TEMPLATES[kind]:
        head = SLOT.split(template)[0]
        assert any(text.startswith(head) for text in written)


def test_shares_of_the_kinds() -> None:
    writer = Writer(3)
    kinds = [writer.write(call_id, None).kind for call_id in range(6000)]
    total = sum(kind.weight for kind in KINDS)
    for kind in KINDS:
        share = kind.weight / total
        error = (share * (1 - share) / 6000) ** 0.5
        assert kinds.count(kind.name) / 6000 == pytest.approx(share, abs=4 * error)


def test_a_kind_decides_the_length_asked_for() -> None:
    most = {kind.name: kind.max_tokens for kind in KINDS}
    writer = Writer(3)
    for call_id in range(200):
        arrival = writer.write(call_id, None)
        assert arrival.max_tokens == most[arrival.kind]


def test_a_prompt_depends_on_seed_and_call_id_alone() -> None:
    forwards, backwards = Writer(5), Writer(5)
    ids = range(200)
    there = {call_id: forwards.write(call_id, None) for call_id in ids}
    back = {call_id: backwards.write(call_id, None) for call_id in reversed(ids)}
    assert there == back
    assert there != {call_id: Writer(6).write(call_id, None) for call_id in ids}


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown kind of copy 'captoin', did you mean 'caption'\?"):
        PromptBook(Random(1)).write("captoin")
