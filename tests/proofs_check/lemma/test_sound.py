"""Evidence that contradicts itself, or loses something on its way into an array, is an error with its sentence."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from proofs_check.judging.finding import Verdict
from proofs_check.judging.verdict import Outcome, decide
from proofs_check.lemma import Claim, Inequality, Law, NotApplicable, Proof, Trials
from proofs_check.lemma.sides import array_of, at_most
from proofs_check.plugins.answers import flattened, rebuilt

SEEDS = tuple(range(64))
ZEROS, ONES = np.zeros(64), np.ones(64)
MASKED = np.ma.array(ZEROS, mask=np.arange(64) < 3)
BIG = 2**53


def finding(evidence):
    (found,) = decide([Outcome("lemma", "run", evidence)], 0.05)
    return found


def trials(observed=ZEROS, bound=1.0, axes=("seed",), failure=0.0, seeds=SEEDS, attained=None, **options):
    return Trials(Inequality(observed, bound, axes, **options), failure, seeds, attained=attained)


def test_an_inequality_crosses_to_another_process_whole():
    """With its note, what is attained, its claim and proof; Trials take over the first two, if they have none."""
    inequality = Inequality(
        ONES, 2.0, note="n", attained=ZEROS, claim=Claim.PROBABILITY, labels={"seed": ("a",) * 64}, proved=True
    )
    for evidence in (inequality, Trials(inequality, 0.1, SEEDS), Trials(inequality, 0.1, SEEDS, "m", ONES)):
        arrays: dict = {}
        values = json.loads(json.dumps(flattened(evidence, "", arrays)))
        again = rebuilt(values, "", arrays, lambda level: (0.0, 0.0))
        assert type(again) is type(evidence)
        assert again.note == evidence.note == ("m" if evidence.attained is ONES else "n")
        assert again.attained.tolist() == evidence.attained.tolist()
        found = again if isinstance(again, Inequality) else again.inequality
        assert (found.claim, found.labels, found.axes) == ("probability", inequality.labels, ("seed",))
        assert found.proved is True


def law(p_value=0.5, low=-0.01, high=0.01, resolution=0.1, deviation=0.0, draws=64, **options):
    return Law(p_value, lambda level: (low, high), resolution, deviation, draws, **options)


def test_sound_evidence_is_what_it_was():
    assert finding(trials()).verdict is Verdict.SUPPORTED
    assert finding(law()).verdict is Verdict.SUPPORTED
    assert finding(Proof(True, 1.0, 2.0, "")).verdict is Verdict.CERTIFIED
    assert finding(Proof(np.True_, 1, Fraction(3, 2), "")).verdict is Verdict.CERTIFIED
    assert finding(Proof(True, 2.0, 1.0, "", relation=">=")).verdict is Verdict.CERTIFIED
    assert finding(Proof(False, 2.0, 1.0, "")).verdict is Verdict.REFUTED
    assert finding(Proof(False, 1.0, 2.0, "", relation=">=")).verdict is Verdict.REFUTED
    assert finding(Proof(None, math.nan, 1.0, "")).verdict is Verdict.INCONCLUSIVE
    assert finding(trials(attained=np.full(64, np.nan))).verdict is Verdict.SUPPORTED
    assert finding(trials(seeds=range(64))).verdict is Verdict.SUPPORTED
    assert finding(trials(seeds=np.arange(64))).verdict is Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (trials(np.zeros(200), seeds=(0, 1, 2, 3) * 50), "seeds repeat: 200 are named and 4 differ (seed 0 is"),
        (trials(seeds=(*range(63), np.int64(0))), "seeds repeat: 64 are named and 63 differ"),
        (trials(seeds=(*range(63), True)), "seeds must be whole numbers"),
        (trials(seeds=tuple(map(float, range(64)))), "seeds must be whole numbers"),
        (trials(failure=-0.1), "failure must be a probability, got -0.1"),
        (trials(failure=math.nan), "failure must be a probability, got nan"),
        (trials(failure=True), "failure must be a real number, got bool"),
        (trials(failure="0.1"), "failure must be a real number, got str"),
        (trials(MASKED), "observed is a masked array, whose mask would be lost"),
        (trials([np.ma.masked if i == 3 else 0.0 for i in range(64)]), "observed is a masked array"),
        (trials(bound=np.ma.array(ONES, mask=ZEROS)), "bound is a masked array"),
        (trials(where=np.ma.array(ONES == 1, mask=ZEROS)), "where is a masked array"),
        (trials(attained=MASKED), "attained is a masked array"),
        (trials(where=np.where(SEEDS, 1.0, np.nan)), "where must be an array of truth values"),
        (trials(where=np.ones(64, int)), "where must be an array of truth values"),
        (trials(where="yes"), "where must be an array of truth values"),
        (trials(ZEROS == 0, True), "observed holds truth values"),
        (trials(ZEROS, True), "bound holds truth values"),
        (trials(ZEROS + 0j), "observed must be an array of real numbers"),
        (trials(np.array([Fraction(1, 3)] * 64)), "observed must be an array of real numbers"),
        (trials(ZEROS.astype("datetime64[s]")), "observed must be an array of real numbers"),
        (trials([BIG + 1] + [0.5] * 63, BIG), "observed mixes fractions with whole numbers beyond 2^53"),
        (trials(attained=np.full(64, 0.5)), "attained is above observed"),
        (trials(proved=1), "proved must be True, False or None, got 1"),
        (trials(proved="yes"), "proved must be True, False or None, got 'yes'"),
        (trials(np.zeros((64, 2)), axes=("seed", "seed")), "axes must be different names"),
        (trials(np.zeros((64, 64)), axes=("step", "seed")), 'the first of them "seed"'),
        (trials(np.zeros((64, 2)), axes=("seed", 3)), "axes must be different names"),
        (trials(np.zeros((3, 64)), axes=("seed", "step")), "axis 0 of observed must count the 64 seeds"),
        (trials(until=1.5), "until must hold numbers of steps"),
        (trials(until=np.ones(3, int)), "until has shape (3,), which does not broadcast"),
        (law(deviation=0.05), "the deviation 0.05 lies outside of its own interval [-0.01, 0.01]"),
        (law(deviation=-0.05), "the deviation -0.05 lies outside of its own interval"),
        (law(low=0.02, high=-0.02), "expected an interval low <= high"),
        (law(low=math.nan), "expected an interval low <= high"),
        (law(low="wide"), "an end of the interval must be a real number"),
        (law(resolution=math.inf), "the resolution must be finite and not negative, got inf"),
        (law(resolution=math.nan), "the resolution must be finite"),
        (law(resolution=-1.0), "the resolution must be finite and not negative"),
        (law(deviation=math.nan), "the deviation must be finite, got nan"),
        (law(deviation=math.inf, high=math.inf), "the deviation must be finite, got inf"),
        (law(p_value=math.nan), "expected a p-value in [0, 1], got nan"),
        (law(p_value=True), "p_value must be a real number, got bool"),
        (law(draws=True), "draws must be a whole number"),
        (law(draws=0.5), "draws must be a whole number"),
        (law(draws=-1), "draws must be a whole number"),
        (law(note=None), "the reason or note must be text"),
        (Proof(True, 3.0, 2.0, ""), "the proof says True, but 3.0 <= 2.0 is false"),
        (Proof(True, 2.0, 3.0, "", relation=">="), "the proof says True, but 2.0 >= 3.0 is false"),
        (Proof(False, 2.0, 3.0, ""), "the proof says False, but 2.0 <= 3.0 is true"),
        (Proof(True, BIG + 1, float(BIG), ""), "but 9007199254740993 <= 9007199254740992.0 is false"),
        (Proof(True, math.nan, 1.0, ""), "one of its sides is NaN"),
        (Proof(False, 1.0, math.nan, ""), "one of its sides is NaN"),
        (Proof(1, 1.0, 2.0, ""), "decided must be True, False or None, got 1"),
        (Proof("yes", 1.0, 2.0, ""), "decided must be True, False or None"),
        (Proof(True, "1", 2.0, ""), "observed must be a real number, got str"),
        (Proof(True, 1.0, True, ""), "bound must be a real number, got bool"),
        (Proof(True, 1.0, 2.0, "", relation="<"), 'relation must be "<=" or ">="'),
        (Proof(True, 1.0, 2.0, None), "the reason or note must be text"),
        (NotApplicable(3), "the reason or note must be text"),
    ],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)  # fmt: skip
def test_contradictions_are_errors(evidence, sentence):
    found = finding(evidence)
    assert found.verdict is Verdict.ERROR
    assert sentence in found.reason


@pytest.mark.parametrize(
    ("observed", "bound"),
    [
        (np.int64(BIG + 1), np.int64(BIG)),
        (np.int64(BIG + 1), np.float64(BIG)),
        (np.int64(2**63 - 1), np.float64(2.0**63 - 1024)),
        (np.uint64(2**64 - 1), np.int64(2**63 - 1)),
        (np.uint64(2**63), np.int64(2**63 - 1)),
        (np.int64(0), np.int64(-1)),
        (np.uint64(0), np.int64(-1)),
        (np.uint64(2**64 - 1), np.float64(2.0**64 - 2048)),
        (np.float64(-BIG), np.int64(-BIG - 1)),
        (np.longdouble(1) + np.finfo(np.longdouble).eps, np.float64(1)),
        (np.float32(1), np.float64(1) - 2.0**-53),
        (np.float64(np.inf), np.int64(2**63 - 1)),
        (np.float16(2049 - 1), np.int16(2047)),
    ],
)
def test_the_sides_are_compared_exactly(observed, bound):
    """The left is larger, by less than a cast would leave; both sides as they came."""
    high, low = np.full(64, observed), np.full(64, bound)
    assert not at_most(high, low).any()
    assert at_most(low, high).all()
    found = finding(trials(high, low))
    assert found.verdict is Verdict.REFUTED
    assert found.margin < 0
    left, right = found.reason.split("observed ")[1].split(";")[0].split(" > bound ")
    assert left != right
    if np.isfinite(observed):  # an infinite bound says nothing
        assert finding(trials(low, high)).verdict is Verdict.SUPPORTED
        assert finding(trials(high, high)).verdict is Verdict.SUPPORTED


def test_comparisons_agree_with_those_of_exact_numbers():
    rng = np.random.default_rng(0)
    ends = np.array([BIG - 1, BIG, BIG + 1, BIG + 2, 2**62, -BIG - 1, 0, 1], np.int64)
    for kind in (np.int64, np.uint64, np.float64, np.float32, np.int32, np.longdouble):
        for other in (np.int64, np.uint64, np.float64, np.longdouble):
            with np.errstate(invalid="ignore"):
                left, right = rng.choice(ends, 40).astype(kind), rng.choice(ends, 40).astype(other)
            expected = [Fraction(int(x)) <= Fraction(int(y)) for x, y in zip(left, right, strict=True)]
            assert at_most(left, right).tolist() == expected


def test_what_becomes_an_array_keeps_its_type():
    assert array_of("x", [1, 2]).dtype.kind == "i"
    assert array_of("x", 2**63).dtype == np.uint64
    assert array_of("x", [BIG, 0.5]).tolist() == [BIG, 0.5]
    with pytest.raises(TypeError, match="array of real numbers"):
        array_of("x", 2**70)
