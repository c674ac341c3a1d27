"""Mutated certificates with fitting digests: none is accepted that says anything false, or that was not looked at.

MUTANTS=5000 pytest -m slow tests/proofs_check/rigor/test_certificate_fuzz.py tries as many.
"""

import copy
import json
import os
import random
import time
from contextlib import suppress

import pytest
from networks import GOOD, SLIDING, attempt

from proofs_check.rigor.certificates import recheck
from proofs_check.rigor.certificates.certificate import body_of, digest, distance, file_name

MUTANTS = int(os.environ.get("MUTANTS", "1000"))
STRANGE = [
    None, True, False, -1, 0, 1, 10**6 + 1, 10**30, 0.5, "", "0", "1/1", "nan", "inf", "0x1p+0", " 0x1p+0", "0x1_0p+0",
    "+1/1", "1/0", "\u0661/\u0661", "0x1p+9999", [], [[]], [["1/1"]], {}, {"a": 1}, ["1/1"] * 3, "x" * 5000, "\ud800",
]  # fmt: skip
SIDES = {"energy": 1, "lambda_max": 1, "rate": 1, "shear": 1, "distance": 1, "lambda_min": -1}
"""Claims that stay true when they move that way, if the proof still closes."""


@pytest.fixture(scope="module")
def honest():
    rows = [[0.0] * 3]
    made = [attempt(problem) for problem in (GOOD, SLIDING)]
    return [
        body_of(proof, "a run", rows, distance(proof.problem, 256, rows), [(1024.0, 0.9999)]) for proof in made if proof
    ]


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def mutated(body, rng):
    """A copy that differs somewhere, and where."""
    body = copy.deepcopy(body)
    path = rng.choice([x for x in places(body) if x])
    at = body
    for key in path[:-1]:
        at = at[key]
    kind = rng.randrange(6)
    if kind == 0:
        at[path[-1]] = rng.choice(STRANGE)
    elif kind == 1 and isinstance(at, dict):
        at["weight_decay"] = rng.choice(STRANGE)
    elif kind == 2 and isinstance(at, list):
        at.insert(path[-1], rng.choice([at[path[-1]], *STRANGE]))
    elif kind == 3:
        del at[path[-1]]
    elif isinstance(at[path[-1]], str) and at[path[-1]]:
        text, where = at[path[-1]], rng.randrange(len(at[path[-1]]))
        at[path[-1]] = text[:where] + rng.choice("0123456789abcdefpx.+-/ \u0660") + text[where + 1 :]
    elif type(at[path[-1]]) is int:
        at[path[-1]] += rng.choice([-1, 1, 10])
    return body, path


def true(old, new, path):
    """Whether an accepted body says what is known to be true: it differs only where that cannot make it false."""
    if old == new:
        return True
    if path[0] in ("name", "versions"):
        return new.keys() == old.keys() and new["versions"].keys() == old["versions"].keys()
    if path[0] == "problem":  # another network: the rechecker looked at it, so the maker must not disagree
        return new["problem"].keys() == old["problem"].keys()
    claim = new["claim"]
    if new.keys() != old.keys() or claim.keys() != old["claim"].keys() or path[0] != "claim":
        return False
    if path[1] in SIDES:
        before, now = (float(recheck.nearest_float(x["claim"][path[1]])) for x in (old, new))
        return SIDES[path[1]] * (now - before) >= -1e-6 * abs(before)  # the maker leaves less room than that
    return path[1] in ("bits", "applied", "metric", "calm", "contraction", "enclosures", "float64", "sliding")


def fuzz(honest, count, seed, folder, capsys):
    rng, path, codes = random.Random(seed), folder / "file.json", {0: 0, 1: 0, 2: 0}
    for _ in range(count):
        old = rng.choice(honest)
        new, where = mutated(old, rng)
        if where[0] != "statement" and rng.random() < 0.9:
            with suppress(Exception):
                new["statement"] = recheck.statement(new["problem"], new["claim"])
        with suppress(Exception):
            new["digest"] = digest(new)
        path.write_text(json.dumps(new))
        begun = time.monotonic()
        code = recheck.main([str(path)])
        said = capsys.readouterr().out
        assert time.monotonic() - begun < 60
        assert said.count("\n") == 1
        assert said.isascii()
        codes[code] += 1
        if code == 0:
            assert true(old, new, where), where
            assert new["statement"] == recheck.statement(new["problem"], new["claim"])
    return codes


def test_mutated_certificates(honest, tmp_path, capsys):
    codes = fuzz(honest, 60, 1, tmp_path, capsys)
    assert codes[2] > 20


@pytest.mark.slow
def test_many_mutated_certificates(honest, tmp_path, capsys):
    codes = fuzz(honest, MUTANTS, 2, tmp_path, capsys)
    assert min(codes.values()) > 0


def changed(body, *path, value):
    body = copy.deepcopy(body)
    at = body
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with suppress(Exception):
        if path != ("statement",):
            body["statement"] = recheck.statement(body["problem"], body["claim"])
    return {**body, "digest": digest(body)}


FORGED = {
    "statement": (("statement",), lambda b: b["statement"].replace("16 neurons", "2 neurons")),
    "decay": (("problem", "weight_decay"), lambda b: "1/2"),
    "verdict": (("verdict",), lambda b: "proved for all widths"),
    "claim": (("claim", "test_error"), lambda b: "0x0p+0"),
    "version": (("versions", "reviewed"), lambda b: "yes"),
    "third row": (("claim", "enclosures", "0"), lambda b: b["claim"]["enclosures"]["0"] + ["0x0p+0 0x0p+0 0x0p+0"]),
    "empty pair": (("claim", "enclosures", "1"), lambda b: []),
    "true": (("claim", "flips"), lambda b: True),
    "float": (("claim", "applied"), lambda b: float(b["claim"]["applied"])),
    "text": (("claim", "bits"), lambda b: str(b["claim"]["bits"])),
    "digits": (("problem", "eta"), lambda b: "\u0661/\u0663"),
    "underscore": (("problem", "eta"), lambda b: "1_0/3_0"),
    "sign": (("problem", "eta"), lambda b: "+1/3"),
    "spaces": (("problem", "targets"), lambda b: b["problem"]["targets"].replace(" ", "  ")),
    "newline": (("problem", "targets"), lambda b: b["problem"]["targets"].replace(" ", "\n")),
    "step": (("claim", "enclosures", "\u0660"), lambda b: b["claim"]["enclosures"]["0"]),
    "calm of text": (("claim", "calm"), lambda b: [["7", "0x1p-1 0x1p-1 0x1p-1"]]),
    "bits times steps": (("claim", "applied"), lambda b: 10**6),
    "pairs": (("problem", "inputs"), lambda b: ["1/1"] * 3000),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_a_certificate_has_no_place_for_is_refused(name, honest, tmp_path, capsys):
    path, value = FORGED[name]
    file = tmp_path / "file.json"
    file.write_text(json.dumps(changed(honest[0], *path, value=value(honest[0]))))
    assert recheck.main([str(file)]) == 2, capsys.readouterr().out
    said = capsys.readouterr().out
    if name in ("bits times steps", "pairs"):
        assert "at most" in said


@pytest.mark.parametrize("kind", ["fifo", "zero", "large", "deep", "digits", "nan"])
def test_files_that_are_no_certificates(kind, tmp_path, capsys):
    file = tmp_path / "file.json"
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "zero":
        file.symlink_to("/dev/zero")
    elif kind == "large":
        file.touch()
        os.truncate(file, recheck.MAX_BYTES + 1)
    else:
        file.write_text({"deep": "[" * 10**6, "digits": "1" * 10**5, "nan": '{"format": NaN}'}[kind])
    begun = time.monotonic()
    assert recheck.main([str(file)]) == 2
    assert time.monotonic() - begun < 5
    said = capsys.readouterr().out
    assert said.startswith("no certificate: ")
    assert kind != "large" or f"at most {recheck.MAX_BYTES}" in said


def test_limits_of_memory_and_time_end_with_2(honest, tmp_path, capsys):
    file = tmp_path / "file.json"
    file.write_text(json.dumps(honest[0]))
    assert recheck.bounded(str(file), 4, 60) == 0
    assert recheck.bounded(str(file), 0.02, 60) == 2
    assert "emory" in capsys.readouterr().out
    # some 3 s of a core, within the cap on bits times steps
    slow = changed(changed(honest[0], "claim", "applied", value=30_000), "claim", "bits", value=512)
    file.write_text(json.dumps(slow))
    assert recheck.bounded(str(file), 4, 1) == 2
    assert "1 s do not suffice" in capsys.readouterr().out


def test_names_of_files_hold_no_paths():
    assert "/" not in file_name("../../etc")
