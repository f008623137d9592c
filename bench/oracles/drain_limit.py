"""How many drains any rule could warn of: half of the depth within an hour, on generated pairs, at a given number of false warnings a day.

    make drain-limit

A rule sees depth; here it is given more: the generator's own factor on the depth of each side, every ten seconds and without the noise that single levels make
of it, and the law by which that factor swings. It is told the shape of the drain, and looks for nothing else. Two figures come of that:

- `bound`: nobody can do better. Of whoever raises at most r false warnings a day, a false one falls into a given hour with a probability of r/24 at most. Told
  the hour and the sides too, he has one question left, drain or not, and the likelihood ratio answers it best (Neyman and Pearson): the law is Gaussian, so
  Φ(d − Φ⁻¹(1 − r/24)) of the drains, with d² what the whitened drain sums up to.
- `posterior`: not told the hour nor the sides, he weighs all drains that may be under way by their likelihood ratios, which are all that the past says of them
  (Shiryaev). Where to warn is set by simulation, so that undisturbed days have r false warnings a day; then as many drains as are drawn are warned of or not.

    python bench/oracles/drain_limit.py PROGRAM [--days 2000] [--drains 4000] [--false 0.1] [--swings 1.0]
"""

import argparse

import numpy as np
from scipy import stats

from rust import Rust

STEP_S = 10
"""From one look to the next."""
HOUR = 3600 // STEP_S
MINUTE = 60 // STEP_S
QUIET = HOUR
"""Looks below the line after which a warning is over: an hour, so that one swing is one warning."""
SIDES = {"one side": (1.0, 0.0), "both sides": (1.0, 1.0)}


class Swings:
    """ln of the factor on bids and asks: two swings of each side and one of both, each an Ornstein-Uhlenbeck process; whitened by a Kalman filter at rest."""

    def __init__(self, own, common, times):
        parts = [*own, *own, common]
        deviation = times * np.array([part[0] for part in parts])
        keep = np.exp(-STEP_S / np.array([part[1] for part in parts]))
        self.moves = np.diag(keep)
        self.seen = np.array([[1.0, 1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0, 1.0]])
        noise = np.diag(deviation**2 * (1 - keep**2))
        spread = np.diag(deviation**2)
        for _ in range(20_000):
            of_seen = self.seen @ spread @ self.seen.T
            self.gain = spread @ self.seen.T @ np.linalg.inv(of_seen)
            after = self.moves @ (spread - self.gain @ self.seen @ spread) @ self.moves.T + noise
            if np.allclose(after, spread, rtol=1e-12, atol=0):
                break
            spread = after
        self.whiten = np.linalg.inv(np.linalg.cholesky(self.seen @ spread @ self.seen.T))

    def whitened(self, added):
        """What `added` (looks × 2) to the logarithms adds to the whitened surprises, which are independent standard normals without it."""
        state, out = np.zeros(5), []
        for value in added:
            surprise = value - self.seen @ state
            out.append(self.whiten @ surprise)
            state = self.moves @ (state + self.gain @ surprise)
        return np.array(out)


def drain(sides):
    """ln of what a drain leaves on each side, look by look until its end."""
    return np.log(1 - 0.5 * np.arange(1, HOUR + 1) / HOUR)[:, None] * np.array(sides)


def posterior(surprises, drains):
    """ln of the mean likelihood ratio of all drains under way, begun at any minute of the last hour, on bids, asks or both; one row a look, one column a case."""
    looks, cases, _ = surprises.shape
    begun = HOUR // MINUTE
    ratios = np.zeros((begun, len(drains), cases), np.float32)
    age = np.full(begun, HOUR)
    half_squares = 0.5 * (drains**2).sum(axis=2)
    out = np.empty((looks, cases), np.float32)
    for look in range(looks):
        if look % MINUTE == 0:
            at = look // MINUTE % begun
            age[at], ratios[at] = 0, 0.0
        here = age < HOUR
        at_age = age[here]
        step = np.einsum("dbs,cs->bdc", drains[:, at_age], surprises[look]) - half_squares[:, at_age].T[:, :, None]
        # No line is near e^60; beyond that a single precision number ends.
        ratios[here] = np.minimum(ratios[here] + step.astype(np.float32), 60)
        out[look] = np.log((np.exp(ratios[here]) * np.array([0.25, 0.25, 0.5], np.float32)[None, :, None]).sum(axis=(0, 1)) / begun)
        age[here] += 1
    return out


def warnings(values, line):
    """How often each column rises above the line, once until it has been below for an hour."""
    count, below = 0, np.full(values.shape[1], QUIET + 1)
    for row in values:
        above = row > line
        count += int((above & (below > QUIET)).sum())
        below = np.where(above, 0, below + 1)
    return count


def line_for(values, wanted):
    low, high = 0.0, 25.0
    for _ in range(25):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if warnings(values, middle) > wanted else (low, middle)
    return high


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--days", type=int, default=2000, help="undisturbed days that the line is set on")
    parser.add_argument("--drains", type=int, default=4000, help="drains of each kind")
    parser.add_argument("--false", type=float, default=0.1, help="false warnings a day")
    parser.add_argument("--swings", type=float, default=1.0, help="depth swings by itself so many times as much as the generator's")
    args = parser.parse_args()
    random = np.random.default_rng(20_261_126)
    print(f"{args.false} false warnings a day; line set on {args.days} days, {args.drains} drains of each kind; swings × {args.swings}\n")
    print("| pair | drain | deviations | bound | posterior |\n|---|---|---|---|---|")
    for name, law in Rust(args.program).ask(ask="swings").items():
        swings = Swings(law["own"], law["common"], args.swings)
        whitened = {sides: swings.whitened(drain(sides)) for sides in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0))}
        drains = np.array(list(whitened.values()))
        # The first hours of a case are there so that drains may be under way; they aren't counted.
        quiet = [posterior(random.standard_normal((26 * HOUR, 250, 2)), drains)[2 * HOUR :] for _ in range(-(-args.days // 250))]
        line = line_for(np.concatenate(quiet, axis=1), args.false * 250 * len(quiet))
        for kind, sides in SIDES.items():
            surprises = random.standard_normal((2 * HOUR + MINUTE, args.drains, 2))
            # Beginnings lie between minutes as likely as on them.
            begins = HOUR + random.integers(0, MINUTE, args.drains)
            for look in range(HOUR):
                surprises[begins + look, np.arange(args.drains)] += whitened[sides][look]
            values = posterior(surprises, drains)
            looks = np.arange(len(values))[:, None]
            values[(looks < begins) | (looks >= begins + HOUR)] = -np.inf
            warned = float((values.max(axis=0) > line).mean())
            d = float(np.sqrt((whitened[sides] ** 2).sum()))
            bound = stats.norm.cdf(d - stats.norm.isf(args.false / 24))
            error = 1.96 * np.sqrt(warned * (1 - warned) / args.drains)
            print(f"| {name} | {kind} | {d:.2f} | {100 * bound:.1f} % | {100 * warned:.1f} ± {100 * error:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
