"""Every intermediate quantity of the four analyses, computed again by other software, beside what the Rust code makes of the same numbers.

    make oracles

Arithmetic must agree to 1e-9; where a method differs by its nature, the tolerance and the reason stand in the table. Exit code 1 on any difference.
"""

import math
import sys

import numpy as np
import pymannkendall
import ruptures
from river import drift
from scipy import signal, stats
from sklearn.neighbors import KernelDensity
from statsmodels.robust import mad
from statsmodels.tsa.stattools import acf

import recorded
from rust import Rust

EXACT = 1e-9


class Table:
    """One row a quantity: against what, how often compared, the largest difference, what is allowed."""

    def __init__(self):
        self.rows = {}

    def compare(self, quantity, against, ours, theirs, tolerance=EXACT, why=""):
        ours, theirs = np.atleast_1d(np.asarray(ours, float)), np.atleast_1d(np.asarray(theirs, float))
        if ours.shape != theirs.shape:
            worst = math.inf
        elif len(ours) == 0:
            return
        else:
            scale = np.maximum(np.abs(theirs), 1e-300)
            near_zero = np.abs(theirs) < 1e-12
            off = np.where(near_zero, np.abs(ours - theirs), np.abs(ours - theirs) / scale)
            worst = float(np.max(np.where(np.isnan(ours) & np.isnan(theirs), 0.0, np.where(np.isnan(off), math.inf, off))))
        row = self.rows.setdefault((quantity, against), [0, 0.0, tolerance, why])
        row[0] += max(len(ours), 1)
        row[1] = max(row[1], worst)

    def print(self):
        print(f"{'quantity':36} {'against':44} {'compared':>9} {'largest difference':>19} {'allowed':>8}")
        good = True
        for (quantity, against), (count, worst, allowed, why) in self.rows.items():
            bad = worst > allowed
            good &= not bad
            mark = "DIFFERS" if bad else ""
            print(f"{quantity:36} {against:44} {count:9} {worst:19.2e} {allowed:8.0e} {mark}{'  ' + why if why else ''}")
        return good


def notional(kind, value, price, size):
    return price * size * value if kind in ("spot", "linear") else size * value


def compare_book(table, rust, kind, value, book):
    columns = {side: [c.tolist() for c in getattr(book, side)] for side in ("bids", "asks")}
    mid = 0.5 * (book.bids[0][0] + book.asks[0][0])
    sides = []
    for price, size, orders in (book.bids, book.asks):
        sides.append((price, notional(kind, value, price, size), np.abs(price - mid) / mid * 1e4, orders))
    smaller = min(v.sum() for _, v, _, _ in sides)
    volumes = [0.001 * smaller, 0.05 * smaller, 0.5 * smaller, 1.5 * smaller]
    answer = rust.ask(ask="book", kind=kind, contract_value=value, volumes=volumes, **columns)
    table.compare("mid, spread", "numpy", [answer["mid"], answer["spread_bps"]], [mid, (book.asks[0][0] - book.bids[0][0]) / mid * 1e4])
    for (price, v, d, orders), ours in zip(sides, answer["sides"]):
        table.compare("distance", "numpy", ours["distance_bps"], d)
        table.compare("notional by kind of contract", "numpy", ours["notional"], v)
        table.compare("bulk of a side", "scipy pmean", ours["bulk"], len(v) * stats.pmean(v, 0.25))
        near = v[d <= 0.5 * d[-1]]
        table.compare("bulk within half of its coverage", "scipy pmean", ours["bulk_within"], len(near) * stats.pmean(near, 0.25) if len(near) else 0.0)
        compare_density(table, price, v, d, orders, ours)
        compare_large(table, price, v, d, ours)
    for volume, ours in zip(volumes, answer["costs"]):
        compare_cost(table, kind, volume, sides, mid, ours)


def compare_density(table, price, v, d, orders, ours):
    inside = d <= 200.0
    if inside.sum() < 10:
        return
    price, v, d, orders = price[inside], v[inside], d[inside], orders[inside]
    h = float(np.clip(max(1.5 * np.median(np.diff(d)), d[-1] / 100), 0.5, 5.0))
    table.compare("bandwidth", "numpy", ours["bandwidth_bps"], h)
    # A kernel density with sklearn's linear kernel is the triangular one, normalised to 1.
    points = int((d[-1] + h) * 4 / h + 1e-6) + 1
    x = np.arange(points) * h / 4
    with np.errstate(divide="ignore"):
        density = np.exp(KernelDensity(kernel="linear", bandwidth=h, rtol=0, atol=0).fit(d[:, None], sample_weight=v).score_samples(x[:, None]))
    f = density * v.sum() * h
    floor = 0.5 * f.mean()
    g = np.array([max(np.median(f[max(0, i - 32):i + 33]), floor) for i in range(points)])
    excess = f / g - 1
    padded = np.concatenate(([-1.0], f, [-1.0]))
    peaks = signal.find_peaks(padded)[0] - 1
    ties = np.any(np.abs(np.diff(f)[np.maximum(f[1:], f[:-1]) > floor]) <= 1e-9 * f.max()) or np.any(np.abs(excess[peaks] - 1) < 1e-6)
    if ties:
        return
    peaks = peaks[excess[peaks] >= 1]
    kept = []
    for at in peaks[np.argsort(-f[peaks])]:
        if all(abs(at - other) > 8 for other in kept):
            kept.append(at)
    found = ours["candidates"]
    table.compare("peaks: number", "scipy find_peaks", len(found), len(kept))
    if len(found) != len(kept):
        return
    table.compare("peaks: excess over the background", "sklearn KernelDensity(linear), numpy", [one["excess"] for one in found], excess[kept])
    # A level exactly on the edge of a pile is in it or not by rounding: such piles are left to the density above.
    clear = [at for at in kept if np.abs(np.abs(d - x[at]) - h).min() > 1e-9 * h]
    found = [one for one, at in zip(found, kept) if at in clear]
    piles = [(d >= x[at] - h) & (d <= x[at] + h) for at in clear]
    table.compare("peaks: notional", "numpy", [one["notional"] for one in found], [v[pile].sum() for pile in piles])
    table.compare("peaks: price", "numpy average", [one["price"] for one in found], [np.average(price[pile], weights=v[pile]) for pile in piles])
    if (orders > 0).all():
        table.compare("peaks: orders", "numpy", [one["orders"] for one in found], [orders[pile].sum() for pile in piles])
    # A smooth kernel of the same variance (h²/6) piles up at the same places: of our peaks with an excess of 3, nearly all.
    strong = [at for at in kept if excess[at] >= 3]
    if strong and len(np.unique(d)) > 1:
        spread = np.sqrt(np.cov(d, aweights=v / v.sum(), bias=False))
        smooth = stats.gaussian_kde(d, bw_method=h / math.sqrt(6) / spread, weights=v)(x)
        there = signal.find_peaks(np.concatenate(([-1.0], smooth, [-1.0])))[0] - 1
        for at in strong:
            near = len(there) > 0 and np.abs(there - at).min() <= 4
            table.rows.setdefault(("strong peaks within a bandwidth", "scipy gaussian_kde, find_peaks"), [0, 0.0, 0.05, "share that is missing: another kernel"])
            row = table.rows[("strong peaks within a bandwidth", "scipy gaussian_kde, find_peaks")]
            missing = row[1] * row[0] + (0 if near else 1)
            row[0] += 1
            row[1] = missing / row[0]


def compare_large(table, price, v, d, ours):
    inside = d <= 100.0
    if inside.sum() < 10:
        return
    total, count = v[inside].sum(), inside.sum()
    threshold = max(0.05 * total, 5 * total / count)
    table.compare("large: threshold", "numpy", ours["threshold"], threshold)
    table.compare("large: levels", "numpy", ours["large"], price[inside & (v >= threshold)])
    edges = [0, 5, 10, 25, 50, np.nextafter(100, 101)]
    n, _ = np.histogram(d, edges)
    sums, _ = np.histogram(d, edges, weights=v)
    table.compare("distribution: counts", "numpy histogram", [r[0] for r in ours["ranges"]], n)
    table.compare("distribution: share", "numpy histogram", [r[2] for r in ours["ranges"]], sums / total, 1e-8, "sums of differences of prefix sums")
    largest = [v[(d >= a) & (d < b)].max(initial=0) for a, b in zip(edges, edges[1:])]
    table.compare("distribution: largest", "numpy", [r[3] for r in ours["ranges"]], largest)


def compare_cost(table, kind, volume, sides, mid, ours):
    averages = []
    for price, v, _, _ in sides:
        if v.sum() < volume:
            averages = None
            break
        filled = np.minimum(v, np.maximum(volume - (np.cumsum(v) - v), 0))
        averages.append((filled * price).sum() / volume if kind == "options" else volume / (filled / price).sum())
    theirs = math.nan if averages is None else (averages[1] - averages[0]) / mid * 1e4
    table.compare("round-trip cost", "numpy", math.nan if ours is None else ours, theirs, 1e-7, "a difference of two prices")


def compare_series(table, rust, values):
    ours = rust.ask(ask="series", values=values.tolist())
    median = np.median(values)
    table.compare("median", "numpy", ours["median"], median)
    table.compare("median absolute deviation", "scipy", 1.4826 * ours["deviation"], 1.4826 * stats.median_abs_deviation(values))
    table.compare("median absolute deviation, σ", "statsmodels mad", 1.4826 * ours["deviation"], mad(values), 1e-5, "1.4826 is 1/Φ⁻¹(0.75) cut short")
    phi = acf(values, nlags=1)[1]
    table.compare("lag-1 autocorrelation", "statsmodels acf", ours["phi"], phi)
    e = (values[1:] - median) - phi * (values[:-1] - median)
    table.compare("scale of the innovations", "numpy", ours["innovation_deviation"], stats.median_abs_deviation(e), 1e-8, "made with the autocorrelation above")
    table.compare("Theil-Sen slope", "scipy theilslopes", ours["slope"], stats.theilslopes(values).slope)
    theirs = pymannkendall.hamed_rao_modification_test(values)
    # Ours doesn't believe a variance below a tenth of the plain one; pymannkendall's may be negative then.
    n = len(values)
    if theirs.var_s > 0.1 * n * (n - 1) * (2 * n + 5) / 18:
        table.compare("Mann-Kendall S", "pymannkendall", ours["s"], theirs.s)
        table.compare("its variance, Hamed-Rao", "pymannkendall", ours["variance"], theirs.var_s)
        table.compare("its p", "pymannkendall", ours["p"], theirs.p, 1e-7, "erfc against 2(1 − Φ): cancellation near 0")


def run_length(k, h, shift, states=400):
    """Mean run of a one-sided CUSUM on normal values, by the Markov chain of Brook and Evans (1972)."""
    width = 2 * h / (2 * states - 1)
    i, j = np.meshgrid(np.arange(states), np.arange(states), indexing="ij")
    upper = stats.norm.cdf((j - i + 0.5) * width + k - shift)
    lower = stats.norm.cdf((j - i - 0.5) * width + k - shift)
    q = upper - np.where(j == 0, 0.0, lower)
    return float(np.linalg.solve(np.eye(states) - q, np.ones(states))[0])


def compare_cusum(table, rust, random):
    # Runs are about exponential: four standard errors of the mean of what fits into the values.
    for k, h, shift, count, tolerance in ((0.5, 5.0, 0.0, 2_000_000, 0.09), (0.5, 5.0, 1.0, 200_000, 0.03), (1.0, 4.0, 2.0, 200_000, 0.02), (1.5, 5.0, 3.0, 200_000, 0.02)):
        values = (random.standard_normal(count) + shift).tolist()
        some = values[:100_000]
        sums = rust.ask(ask="cusum", values=some, k=k, cap=3 * h)["sums"]
        theirs, s = [], 0.0
        for value in some:
            s = min(3 * h, max(0.0, s + value - k))
            theirs.append(s)
        table.compare("CUSUM sums", "the recursion in Python", sums, theirs)
        runs, last, s = [], 0, 0.0
        for i, value in enumerate(values):
            s = max(0.0, s + value - k)
            if s >= h:
                runs.append(i + 1 - last)
                last, s = i + 1, 0.0
        table.compare(f"CUSUM mean run, k {k} h {h} shift {shift:g}", "Markov chain (Brook, Evans)", np.mean(runs), run_length(k, h, shift), tolerance, "sampling")
    known = {(0.5, 5.0, 0.0): 930.9, (0.5, 5.0, 1.0): 10.4, (1.0, 4.0, 2.0): 4.75}
    for case, published in known.items():
        table.compare("mean run of the Markov chain", "published values", run_length(*case), published, 0.005, "published with 3 to 4 digits")
    found = []
    for _ in range(40):
        at = int(random.integers(200, 400))
        values = random.standard_normal(500) + np.where(np.arange(500) >= at, 3.0, 0.0)
        sums = np.array(rust.ask(ask="cusum", values=values.tolist(), k=1.5, cap=15)["sums"])
        alarm = int(np.argmax(sums >= 5.0))
        change = ruptures.Binseg(model="l2").fit(values).predict(n_bkps=1)[0]
        hinkley = drift.PageHinkley(min_instances=30, delta=1.5, threshold=5.0, alpha=1.0, mode="up")
        page = next((i for i, value in enumerate(values) if hinkley.update(value) is None and hinkley.drift_detected), -1)
        found.append((alarm - at, change - at, page - at))
    found = np.array(found)
    table.compare("shift of 3 σ: alarm after, samples", "ruptures Binseg: where it was", np.median(found[:, 0]) - np.median(found[:, 1]), 4.0, 1.0, "the alarm wants 5 + 1.5 a sample of 3")
    table.compare("shift of 3 σ: alarm after, samples", "river PageHinkley", np.median(found[:, 0]), np.median(found[:, 2]), 1.0, "its mean is that of all so far, not 0")


def compare_breadth(table, rust, bid, before, now):
    def plain(one, other):
        one, other = dict(zip(*one)), dict(zip(*other))
        total = sum(max(-1, min(1, math.log(other[p] / v) / math.log(1.5))) for p, v in one.items() if p in other)
        return total + sum(p not in one for p in other) - sum(p not in other for p in one), max(len(one), len(other))

    ours = rust.ask(ask="breadth", bid=bid, before=[list(c) for c in before], now=[list(c) for c in now])
    total, levels = plain(before, now)
    # A sum that is nearly nothing: rounding of its parts is what is left.
    table.compare("breadth of a change", "dicts in Python", ours["sum"] + 1000, total + 1000)
    table.compare("levels of a change", "dicts in Python", ours["levels"], levels)


def compare_drain(table, rust, random):
    seconds = int(random.integers(600, 7200))
    # Twelve means: of bids and of asks, and of each of two measures, three. Those of a side hang together, and both sides share something.
    mix = random.standard_normal((6, 6)) * 0.1
    own, shared = random.standard_normal((2, 400, 6)) @ mix, random.standard_normal((400, 6)) * 0.1
    means = np.concatenate([own[0] + shared, own[1] + shared], axis=1)
    ours = rust.ask(ask="drain", seconds=seconds, means=means.tolist())
    # A mean in which what is old by its length weighs 1/e is a filter with one pole.
    left = np.log(1 - 0.5 * np.arange(1, seconds + 1) / seconds)
    poles = np.exp(-1 / (np.array([0.05, 0.25, 1.0]) * seconds))
    response = np.array([signal.lfilter([1 - pole], [1, -pole], left)[-1] for pole in poles])
    table.compare("means at the end of a drain", "scipy lfilter", ours["response"], response)
    # Fisher's discriminant between what is usual (mean 0) and a drain: the difference of the means through the pooled second moments.
    inverse = np.linalg.inv(means.T @ means / len(means) + 0.02**2 * np.eye(12))
    none, response = np.zeros(6), np.tile(response, 2)
    for found, drain in zip(ours["filters"], (np.r_[response, none], np.r_[none, response], np.r_[response, response])):
        weights = inverse @ drain
        table.compare("filter of a drain", "numpy inverse", found, weights / np.sqrt(drain @ weights), 1e-8, "an inverse against a triangle")


def compare_outside(table, rust, random, quarters=200, times=150):
    """What a filter that was fitted to a few hundred quarters of an hour does elsewhere: its deviation there, drawn again and again from a known law."""
    mix, deviations, factor = random.standard_normal((12, 12)) * 0.1, [], 1.0
    covariance = mix @ mix.T + 0.3**2 * np.eye(12)
    root = np.linalg.cholesky(covariance)
    for _ in range(times):
        # A quarter of an hour is one independent moment, seen fifteen times.
        seen = np.repeat(random.standard_normal((quarters, 12)) @ root.T, 15, axis=0)
        ours = rust.ask(ask="drain", seconds=3600, means=seen.tolist())
        weights, factor = np.array(ours["filters"][2]), ours["outside"]
        deviations.append(np.sqrt(weights @ covariance @ weights))
    table.compare("deviation of a fitted filter elsewhere", "Monte Carlo", factor * np.mean(deviations), 1.0, 0.03, "150 fits; 1 - p/n is the first order")


def generated(random):
    """A book of levels that are dust and giants, on a tick grid."""
    levels, gap, sigma = int(random.integers(15, 400)), float(random.uniform(1, 60)), float(random.uniform(0.2, 3.2))
    sides = []
    for sign in (-1, 1):
        ticks = 300_000 + sign * np.cumsum(1 + random.exponential(gap, levels).astype(int))
        price = np.round(ticks * 0.1, 1)
        sides.append((price, np.exp(sigma * random.standard_normal(levels)), random.integers(0 if random.random() < 0.1 else 1, 9, levels)))
    return recorded.Book(0, *sides)


def main(program):
    random, table, rust = np.random.default_rng(20_260_101), Table(), Rust(program)
    books = 0
    for kind, value in (("spot", 1.0), ("linear", 0.01), ("inverse", 100.0), ("options", 0.1)):
        for _ in range(40):
            compare_book(table, rust, kind, value, generated(random))
            books += 1
    if recorded.FOLDER.is_dir():
        listed, before = recorded.instruments(), {}
        for file in recorded.FILES:
            for number, (name, book) in enumerate(recorded.books(file)):
                if number % 8 or min(len(book.bids[0]), len(book.asks[0])) < 2:
                    continue
                kind, value, _ = listed.get(name, ("spot", 1.0, 0.0))
                compare_book(table, rust, kind, value, book)
                books += 1
                sides = [(side[0].tolist(), notional(kind, value, side[0], side[1]).tolist()) for side in (book.bids, book.asks)]
                for at, side in enumerate(sides):
                    if (name, at) in before:
                        compare_breadth(table, rust, at == 0, before[name, at], side)
                    before[name, at] = side
    else:
        print(f"left out: recorded books, {recorded.FOLDER} is not there; set LEADLINE_SHARED", file=sys.stderr)
    for length in (12, 60, 61, 300):
        for phi in (0.0, 0.5, 0.9, 0.97):
            for trend in (0.0, 0.02):
                x, series = 0.0, []
                for e in random.standard_normal(length):
                    x = phi * x + e
                    series.append(x)
                compare_series(table, rust, np.array(series) + trend * np.arange(length))
    compare_cusum(table, rust, random)
    for _ in range(40):
        compare_drain(table, rust, random)
    compare_outside(table, rust, random)
    for _ in range(200):
        value, usual = np.exp(random.standard_normal(4) * 0.4), np.exp(random.standard_normal(4) * 0.4)
        weights = random.dirichlet(np.ones(4))
        ours = rust.ask(ask="index", value=value.tolist(), usual=usual.tolist(), weights=weights.tolist())["index"]
        theirs = np.clip(100 * np.prod((value / usual) ** (weights * np.array([-1, 1, 1, -1]))), 0, 200)
        table.compare("liquidity index", "numpy", ours, theirs)
    good = table.print()
    print(f"{books} books; {'all agree' if good else 'something differs'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
