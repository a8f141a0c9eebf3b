"""Training with learned halting, against the published procedure written out slot by slot."""

from typing import Any

import numpy as np
import published_reference as reference
import pytest
import torch
from helpers import Silent, digest, tiny, trainer_of

from hrm import HRMActConfig, TRMConfig
from hrm.config.train import TrainConfig
from hrm.models.losses import stablemax_cross_entropy, stablemax_cross_entropy_each
from hrm.models.networks import make_network
from hrm.randomness import Numbers, Purpose
from hrm.tasks.examples import Examples
from hrm.tasks.grid import IGNORE, Grid
from hrm.training.halting_learner import HaltingLearner
from hrm.training.published_optimizers import SignDescent

GRID = Grid(2, 2, input_codes=3, answer_codes=3, puzzle_identifiers=4)
SIZES: Any = {"d_model": 8, "head_cnt": 2, "expansion": 0.5, "L_block_cnt": 1, "L_cycle_cnt": 1}
NETWORKS = {
    "hrm_act": HRMActConfig(**SIZES, H_block_cnt=1),
    "trm": TRMConfig(**SIZES, puzzle_token_cnt=2, H_cycle_cnt=2),
}
SLOTS, MOST, UPDATES = 5, 4, 9
TRAIN: Any = {
    "optimizer": "adam_atan2", "lr": 1e-2, "weight_decay": 0.5, "puzzle_lr": 2e-2,
    "puzzle_weight_decay": 0.3, "warmup_steps": 3, "loss": "stablemax", "halt": "learned",
    "train_segment_cnt": MOST, "exploration": 0.4, "batch_size": SLOTS, "micro_batch": 2,
    "threads": 1, "device": "cpu", "kernels": "plain", "ema": 0.9, "ema_warmup": False,
}  # fmt: skip


def some(update: int, count: int = SLOTS) -> Examples:
    """Other puzzles for each update; some cells are not graded, and in one puzzle none is."""
    numbers = Numbers(7, update)
    inputs = numbers.below(3, (count, 2, 2)).astype(np.uint8)
    answers = np.where(numbers.uniform((count, 2, 2)) < 0.2, IGNORE, inputs).astype(np.uint8)
    if count > 1:
        answers[1] = IGNORE
    return Examples(inputs, answers, puzzle_ids=numbers.below(4, count))


def network(name: str) -> Any:
    torch.manual_seed(1)
    model = make_network(NETWORKS[name], GRID).double()
    with torch.no_grad():  # so that some want to halt, and others do not
        model.q_head.weight.normal_()
        model.q_head.bias.fill_(-0.2)
        model.embedding.puzzles.weights.normal_(std=0.2)
    return model.train()


class Plain:
    """The procedure, one slot after another."""

    def __init__(self, model, config, train):
        self.config, self.train = config, train
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.names = [k for k, _ in model.named_parameters()]
        self.average = {k: self.weights[k].clone() for k in self.names}
        self.memory: dict[str, dict] = {k: {} for k in self.names}
        self.slots: list[Any] = [None] * SLOTS

    def learn(self, examples: Examples, update: int) -> float:
        length = 4 + self.config.puzzle_token_cnt
        for i in range(SLOTS):
            if self.slots[i] is None:
                targets = torch.from_numpy(examples.answers[i].astype(int)).flatten()
                assert examples.puzzle_ids is not None
                self.slots[i] = {
                    "tokens": torch.from_numpy(examples.inputs[i].astype(int)).flatten(),
                    "targets": torch.where(targets == IGNORE, -100, targets),
                    "id": int(examples.puzzle_ids[i]), "segments": 0,
                    "state": reference.initial(self.weights, length),
                }  # fmt: skip
        leaves = {k: v.clone().requires_grad_() for k, v in self.weights.items()}
        loss = sum((self._one(slot, leaves) for slot in self.slots), torch.zeros(())) / SLOTS
        loss.backward()
        self._move(leaves, update)
        numbers = Numbers(self.train.seed, Purpose.EXPLORATION, update)
        explored = numbers.uniform(SLOTS) < self.train.exploration
        least = [2 + int(n) if e else 0 for n, e in zip(numbers.below(MOST - 1, SLOTS), explored)]  # noqa: B905
        for i, slot in enumerate(self.slots):
            halt, go_on = slot["halt"]
            wants = halt > (go_on if self.config.q_continue else 0)
            if slot["segments"] >= MOST or (wants and slot["segments"] >= least[i]):
                self.slots[i] = None
        return float(loss.detach())

    def _one(self, slot, leaves):
        arguments: Any = slot["tokens"], slot["id"], leaves, self.config
        zH, zL, logits, halt = reference.segment(*slot["state"], *arguments)
        slot["state"] = [z.detach() for z in zH], [z.detach() for z in zL]
        slot["segments"] += 1
        slot["halt"] = halt.detach()
        graded = slot["targets"] >= 0
        loss = torch.zeros(())
        if graded.any():
            loss = loss + reference.stablemax_loss(logits, slot["targets"])
        right = float((logits.argmax(-1) == slot["targets"])[graded].all())
        loss = loss + 0.5 * reference.binary_loss(halt[0], right)
        if self.config.q_continue:
            with torch.no_grad():
                *_, after = reference.segment(*slot["state"], *arguments)
            best = after[0] if slot["segments"] >= MOST else after.max()
            loss = loss + 0.5 * reference.binary_loss(halt[1], 1 / (1 + torch.exp(-best)))
        return loss

    def _move(self, leaves, update):
        train, warm = self.train, min(1, (update + 1) / 3)
        for k in self.names:
            args = self.memory[k], train.lr * warm, train.weight_decay
            self.weights[k] = reference.adam_atan2(self.weights[k], leaves[k].grad, *args)
            self.average[k] = 0.9 * self.average[k] + 0.1 * self.weights[k]
        rows = self.weights["embedding.puzzles.weights"]
        rate = train.puzzle_lr * warm
        for row in {slot["id"] for slot in self.slots}:
            sign = leaves["embedding.puzzles.weights"].grad[row].sign()
            rows[row] = rows[row] * (1 - rate * train.puzzle_weight_decay) - rate * sign


@pytest.mark.parametrize("name", NETWORKS)
def test_updates_and_halting_equal_the_procedure_written_out(name):
    model, train = network(name), TrainConfig(**TRAIN)
    plain = Plain(model, NETWORKS[name], train)
    learner = HaltingLearner(train, model, 100)
    halted = []
    for update in range(UPDATES):
        loss = learner.learn(some(update), update)
        assert loss == pytest.approx(plain.learn(some(update), update), abs=1e-6)
        assert learner.slots is not None
        assert learner.slots.done.tolist() == [slot is None for slot in plain.slots]
        halted += learner.slots.segments[learner.slots.done].tolist()
        for key, value in model.state_dict().items():
            torch.testing.assert_close(value, plain.weights[key], atol=1e-6, rtol=0)
        for key, value in learner.average.named_parameters():
            torch.testing.assert_close(value.detach(), plain.average[key], atol=1e-6, rtol=0)
    average: Any = learner.average  # vectors of puzzles are not averaged
    assert average.embedding.puzzles.weights is model.embedding.puzzles.weights
    assert len(set(halted)) > 1  # some halted early, others late


def test_puzzles_for_busy_slots_are_dropped_or_kept():
    def inputs_seen(keep: bool) -> list[bytes]:
        learner = HaltingLearner(TrainConfig(**TRAIN, keep_drawn=keep), network("trm"), 100)
        seen, drawn = [], 0
        for update in range(6):
            wanted = learner.wanted
            learner.learn(some(100).take(np.arange(drawn, drawn + wanted) % 5), update)
            drawn += wanted
            assert learner.slots is not None
            new = learner.slots.segments == 1
            seen += [drawn - wanted + i for i in range(wanted)] if keep else []
            assert wanted == (new.sum() if keep else SLOTS)
        return seen

    inputs_seen(False)
    assert inputs_seen(True) == list(range(len(inputs_seen(True))))


def test_stablemax_has_a_gradient_at_one_and_leaves_out_what_is_not_graded():
    logits = torch.tensor([[[1.0, 0.3, -2.0], [5.0, 1.0, 0.0]], [[0.0, 1.0, 1.0], [1.0, 1.0, 9.0]]])
    logits.requires_grad_()
    targets = torch.tensor([[0, -100], [1, 2]])
    each = stablemax_cross_entropy_each(logits, targets)
    assert each.dtype == torch.float64
    rows = zip(logits, targets, strict=True)
    expected = torch.stack([reference.stablemax_loss(row, t) for row, t in rows])
    torch.testing.assert_close(each, expected)
    whole = stablemax_cross_entropy(logits, targets)
    torch.testing.assert_close(whole, (expected[0] + 2 * expected[1]) / 3)
    whole.backward()
    assert logits.grad is not None and bool(logits.grad.isfinite().all())
    assert not logits.grad[0, 1].any()


def test_sign_descent_moves_each_row_of_the_batch_once():
    table = torch.arange(8.0).view(4, 2).clone()
    optimizer = SignDescent(table, lr=0.5, weight_decay=0.1)
    rows = torch.nn.functional.embedding(torch.tensor([2, 0, 2]), table, sparse=True)
    (rows * torch.tensor([[1.0, 0.0], [-3.0, 2.0], [-4.0, 0.0]])).sum().backward()
    before = table.detach().clone()
    optimizer.step()
    moved = before * 0.95
    expected = torch.stack([
        moved[0] + torch.tensor([0.5, -0.5]), before[1], moved[2] + torch.tensor([0.5, 0.0]),
        before[3],
    ])  # fmt: skip
    torch.testing.assert_close(table.detach(), expected)


RUN: Any = {
    "model__network": "trm", "model__d_model": 16, "model__head_cnt": 2, "model__L_block_cnt": 1,
    "model__H_cycle_cnt": 1, "model__L_cycle_cnt": 1, "model__puzzle_token_cnt": 1,
    "model__infer_segment_cnt": 2, "model__q_continue": True,
    "train__halt": "learned", "train__train_segment_cnt": 3, "train__exploration": 0.3,
    "train__loss": "stablemax", "train__optimizer": "adam_atan2", "train__ema": 0.9,
}  # fmt: skip


def run_config(**changes):
    base = tiny()
    model = {k.removeprefix("model__"): v for k, v in RUN.items() if k.startswith("model__")}
    train = {k: v for k, v in RUN.items() if k.startswith("train__")}
    return base.model_copy(update={"model": TRMConfig(**model)}).derive(**{**train, **changes})


@pytest.mark.parametrize("keep", [False, True])
def test_a_run_that_is_stopped_goes_on_bit_for_bit(keep, tmp_path):
    config = run_config(train__keep_drawn=keep, task__stream=keep)
    reporter = Silent()
    trainer_of(config, tmp_path / "whole", reporter=reporter).run()
    assert {"train_lm_loss", "train_q_halt_loss", "q_halt_acc"} <= reporter.rows[0].keys()
    last = reporter.rows[-1]
    assert 1 <= last["train_segments"] <= 3 and 0 <= last["train_board_acc"] <= 1
    assert 0 <= last["train_q_halt_acc"] <= 1
    # 24 puzzles in batches of 10: 2, 2 and 3 updates in three epochs.
    assert [row["updates"] for row in reporter.rows] == [2, 4, 7]
    for stop_after in (1, 3, 5, 7, 9):
        folder, questions = tmp_path / str(stop_after), iter(range(1, 1000))
        with pytest.raises(KeyboardInterrupt):
            trainer_of(config, folder, should_stop=lambda: next(questions) == stop_after).run()  # noqa: B023
        resumed = trainer_of(config, folder)
        assert resumed.resume() == []
        resumed.run()
        assert digest(folder) == digest(tmp_path / "whole")


def test_it_learns_to_solve_and_to_halt(tmp_path):
    config = run_config(
        task__board_size=3, task__wall_prob=0.1, task__train_count=64, task__val_count=8,
        train__epoch_cnt=60, train__lr=3e-3, train__batch_size=16, train__weight_decay=0.0,
        train__exploration=0.1, train__ema=0.0, model__d_model=32, model__positions="learned",
    )  # fmt: skip
    reporter = Silent()
    trainer_of(config, tmp_path, reporter=reporter).run()
    first, last = reporter.rows[0], reporter.rows[-1]
    assert last["train_lm_loss"] < first["train_lm_loss"] / 2
    assert last["train_cell_acc"] > 0.85
    assert last["train_segments"] < first["train_segments"]  # it halts earlier


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train__batch_size": 25}, r"train.batch_size: 25 places .* 24 puzzles"),
        ({"task__board_sizes": [3, 4], "model__positions": "none"}, "puzzles of one size"),
    ],
)
def test_what_cannot_be_is_refused(changes, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        trainer_of(run_config(**changes), tmp_path)


def test_a_network_that_cannot_say_is_refused():
    with pytest.raises(ValueError, match=r"set model\.network=hrm_act or trm"):
        tiny(train__halt="learned")


def test_published_networks_learn_with_a_fixed_time_too(tmp_path):
    config = run_config(train__halt="fixed", train__train_segment_cnt=2, train__epoch_cnt=6)
    reporter = Silent()
    trainer_of(config, tmp_path, reporter=reporter).run()
    assert reporter.rows[-1]["train_loss"] < reporter.rows[0]["train_loss"]
