"""Votes over the views of a question, against counting by hand."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrm.inference.voting import shares
from hrm.tasks.supply import Ballot


def vote_slowly(ballots, most, by_q):
    """Question by question: count, sort, look at the first ones."""
    groups = defaultdict(list)
    for key in dict.fromkeys((b.group, b.question) for b in ballots):
        own = [b for b in ballots if (b.group, b.question) == key]
        ranked = []
        for place, answer in enumerate(dict.fromkeys(b.answer for b in own)):
            voters = [b for b in own if b.answer == answer]
            mean = sum(b.confidence for b in voters) / len(voters)
            ranked.append((0 if by_q else -len(voters), -mean, place, voters[0].right))
        groups[key[0]].append(any(right for *_, right in sorted(ranked)[:most]))
    scores = [sum(own) / len(own) for own in groups.values()]
    return sum(scores) / len(scores)


ballots = st.builds(
    lambda group, question, answer, quarters: Ballot(
        group, bytes([group, question]), bytes([answer]), answer == question, quarters / 4
    ),
    st.integers(0, 2), st.integers(0, 1), st.integers(0, 2), st.integers(0, 4),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(ballots, min_size=1, max_size=25))
def test_shares_are_those_of_a_slow_count(found):
    result = shares(found)
    expected = {"pass_1": (1, False), "pass_2": (2, False)}
    if any(ballot.confidence for ballot in found):
        expected |= {"pass_1_by_q": (1, True), "pass_2_by_q": (2, True)}
    assert result == {
        name: pytest.approx(vote_slowly(found, *how)) for name, how in expected.items()
    }


def test_count_comes_before_confidence_and_no_votes_give_nothing():
    many = [Ballot(0, b"q", b"wrong", False, 0.1)] * 2
    sure = [Ballot(0, b"q", b"right", True, 0.9)]
    assert shares([*many, *sure]) == {
        "pass_1": 0.0, "pass_2": 1.0, "pass_1_by_q": 1.0, "pass_2_by_q": 1.0
    }  # fmt: skip
    assert shares([]) == {}
