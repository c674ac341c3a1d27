"""Optimisers of optax in a study: what may be said, what it stands for, and what is refused with which words."""

import json
import math
from pathlib import Path

import numpy as np
import optax
import pytest

import nag_ntk
import proofs_check
from proofs_check.running.prepare import CannotRun, RunSetup
from proofs_check.study.load import ConfigError, parse_study
from proofs_check.study.python import method_fields, study_from

FIELDS = {"dataset": {"source": "sphere", "samples": 4, "dimension": 6}, "width": 32, "seeds": 4, "steps": 10}
WARM = {
    "schedule": "warmup_cosine_decay_schedule",
    "init_value": 0,
    "peak_value": 0.1,
    "warmup_steps": 4,
    "decay_steps": 9,
}
SGD = {"optax": "sgd", "learning_rate": 0.5}
FALLING = {"schedule": "piecewise_constant_schedule", "init_value": 0.5, "boundaries_and_scales": {3: 0.1}}
SAID = [
    ({"optax": "adam", "learning_rate": 0.01}, optax.adam(0.01)),
    ({"optax": "adam", "learning_rate": WARM}, optax.adam(optax.warmup_cosine_decay_schedule(0, 0.1, 4, 9))),
    (
        {"title": "clipped", "optax": [{"optax": "clip_by_global_norm", "max_norm": 1}, SGD]},
        optax.chain(optax.clip_by_global_norm(1), optax.sgd(0.5)),
    ),
    (
        {"optax": "lookahead", "fast_optimizer": SGD, "sync_period": 3, "slow_step_size": 0.5},
        optax.lookahead(optax.sgd(0.5), 3, 0.5),
    ),
    (
        {"optax": "sgd", "learning_rate": FALLING},
        optax.sgd(optax.piecewise_constant_schedule(0.5, {3: 0.1})),
    ),
    ({"optax": "contrib.muon", "title": "muon", "learning_rate": 0.01}, optax.contrib.muon(0.01)),
    ({"optax": "dog", "learning_rate": 1.0}, optax.contrib.dog(1.0)),
]  # fmt: skip


def built(method):
    study = study_from({**FIELDS, "methods": [method]}, ())
    return study, RunSetup.of(study.runs[0], (), 0.1)


@pytest.mark.parametrize(
    ("said", "meant"), SAID, ids=lambda each: each.get("title", each["optax"]) if isinstance(each, dict) else ""
)
def test_a_study_says_what_optax_does(said, meant):
    study, setup = built(said)
    (method,) = setup.methods
    name = said.get("title", said["optax"])
    assert method.name == name == study.runs[0].methods[0].label
    ours = nag_ntk.simulate(setup.data, method, 32, 2, 10)
    theirs = nag_ntk.simulate(setup.data, nag_ntk.from_optax("other", meant), 32, 2, 10)
    np.testing.assert_array_equal(ours.residual, theirs.residual)
    # what the results hold of the study is the study again
    text = json.dumps(
        {**FIELDS, "methods": json.loads(study.runs[0].model_dump_json(exclude_defaults=True))["methods"]}
    )
    again = parse_study(text, name="again", base=Path(), known_lemmas=())
    assert again.runs[0].methods == study.runs[0].methods
    assert setup.question(study.runs[0])["methods"] == [{"name": name, "rule": method.rule.text}]
    assert RunSetup.of(again.runs[0], (), 0.1).methods == setup.methods


def test_a_method_of_a_study_becomes_fields_again():
    (method,) = built({"optax": "adam", "learning_rate": 0.01, "title": "slow"})[1].methods
    assert method.rule.arguments == {"learning_rate": 0.01}
    assert method_fields(method) == {"optax": "adam", "learning_rate": 0.01, "title": "slow"}
    restarted = nag_ntk.restarted_nesterov(0.5, "speed")
    assert built(method_fields(restarted))[1].methods == (restarted,)
    assert built({"optax": "restarted_nesterov", "eta": 0.5})[1].methods[0].name == "restarted_nesterov"


def test_an_object_goes_to_the_study_and_its_file_says_so(tmp_path):
    data = nag_ntk.sphere(4, 3)
    adam = nag_ntk.from_optax("adam", optax.adam(0.01))
    results = proofs_check.verify(
        data=data,
        methods=[adam, "nesterov"],
        width=16,
        seeds=4,
        steps=3,
        select=["flip-inclusion"],
        out=tmp_path / "out",
    )
    assert [method.name for method in results.runs[0].methods] == ["adam", "nesterov"]
    fields = json.loads((tmp_path / "out" / "manifest.json").read_text())["study"]["runs"]["study"]["methods"][0]
    assert fields["optax"] == "given"
    assert fields["rule"] == adam.rule.text
    lost = {**fields, "rule": "optax, digest 000000000000"}
    with pytest.raises(CannotRun, match="adam was given as an object in Python"):
        proofs_check.verify({**FIELDS, "methods": [lost]}, select=["flip-inclusion"])


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ({"optax": ""}, "methods[0].optax: expected"),
        ({"optax": "sgd", "learning_rate": math.nan}, "expected finite numbers, text"),
        ({"optax": "sgd", "learning_rate": math.inf}, "in learning_rate, not Infinity"),
        ({"optax": "sgd", "learning_rate": None}, "null: leave the key out"),
        ({"optax": [{"optax": "sgd", "learning_rate": [{"a": math.nan}]}]}, "in optax, not NaN"),
        ("adam", "an optimiser of optax is {optax: adam, learning_rate: 0.01}"),
        ({"optax": 3}, "methods[0].optax: expected"),
        ({"optax": []}, "methods[0].optax: expected"),
        ({"optax": "adam", "title": "A B"}, "methods[0].title: expected a name of small letters"),
        ({"optax": [SGD], "learning_rate": 0.5}, "a chain has no arguments of its own"),
    ],
)  # fmt: skip
def test_a_form_that_is_wrong_is_refused_at_its_place(method, words):
    with pytest.raises(ConfigError) as caught:
        study_from({**FIELDS, "methods": [method]}, ())
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ({"optax": "adamm"}, "optax has no function called 'adamm'"),
        ({"optax": "adm", "learning_rate": 0.1}, 'called \'adm\', nor has optax.contrib; did you mean "adam"?'),
        ({"optax": [{"learning_rate": 0.1}]}, "every part of a chain is a mapping {optax: name, ...}"),
        ({"optax": [{}]}, "every part of a chain"),
        ({"optax": "_src"}, "optax has no function called '_src'"),
        ({"optax": "contrib.os"}, "optax has no function called 'contrib.os'"),
        ({"optax": "adam", "lr": 0.1}, "adam of optax has no argument lr; it has learning_rate, b1"),
        ({"optax": "adam", "learnig_rate": 0.1}, 'no argument learnig_rate; did you mean "learning_rate"?'),
        ({"optax": "adam"}, "missing a required argument: 'learning_rate'"),
        ({"optax": "adam", "learning_rate": {"schedule": "nope"}}, "optax has no schedule called 'nope'"),
        ({"optax": "adam", "learning_rate": {"schedule": "a", "optax": "b"}}, "either optax or schedule, got both"),
        ({"optax": "cosine_decay_schedule", "init_value": 1.0, "decay_steps": 5}, "takes an optax.Gradient"),
        ({"optax": "cosine_decay_schedule", "init_value": 1.0, "decay_steps": -5}, "refuses these arguments"),
        ({"optax": "adam", "learning_rate": 0.1, "rotation_invariant": True}, "leave rotation_invariant out"),
        ({"optax": "lbfgs"}, "from their gradient and the loss alone"),
        ({"optax": "sgd", "learning_rate": "fast"}, "sgd"),
    ],
)  # fmt: skip
def test_an_optimiser_that_optax_does_not_have_is_refused_before_training(method, words):
    with pytest.raises((CannotRun, nag_ntk.InputError)) as caught:
        proofs_check.verify({**FIELDS, "methods": ["nesterov", method]}, select=["flip-inclusion"])
    assert words in str(caught.value)
    assert "methods[1]" in str(caught.value)


@pytest.mark.parametrize("number", [".nan", ".inf", "1e400", "null"])
def test_a_number_that_is_none_is_no_argument(number):
    text = json.dumps({**FIELDS, "methods": ["X"]}).replace('"X"', f"{{optax: sgd, learning_rate: {number}}}")
    with pytest.raises(ConfigError, match="in learning_rate, not"):
        parse_study(text, name="study", base=Path(), known_lemmas=())


def test_two_optimisers_of_one_name_need_titles():
    adam = {"optax": "adam", "learning_rate": 0.1}
    with pytest.raises(ConfigError, match="adam is listed twice"):
        study_from({**FIELDS, "methods": [adam, {**adam, "learning_rate": 0.2}]}, ())


def test_updates_that_are_not_numbers_cost_no_other_row(call, tmp_path):
    study = {
        **FIELDS,
        "methods": [
            "nesterov",
            {
                "optax": [{"optax": "sgd", "learning_rate": 0.1}, {"optax": "scale", "step_size": 1e308}],
                "title": "huge",
            },
        ],
    }
    (tmp_path / "huge.yaml").write_text(json.dumps(study))
    done = call("verify", "huge.yaml", "--select", "flip-inclusion", "--select", "distance", "--out", "out")
    assert done.code == 0, done
    rows = {row["lemma"]: row for row in proofs_check.read(tmp_path / "out").rows}
    assert rows["distance"]["violations"] == 0
    assert "huge in 4 of 4 seeds" in rows["flip-inclusion"]["reason"]
