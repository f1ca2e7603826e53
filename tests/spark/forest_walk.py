"""Walks our forest and Spark's side by side, node by node, and proves every difference to be a tie or reports it.

Both sides search splits in doubles, but add rows in different orders, so that where two candidates have the same gain the last
bit of a sum decides. What is shown of a node where the two sides differ is shown with fractions, from the labels, weights and
step size as they are (every double is a fraction) and Spark's splits above the node and in the trees before it: targets, leaf
values and running predictions are those of arithmetic that never rounds. One of these must hold, or it is a difference:

  same rows       both candidates send the same of the node's rows to one side
  equal gain      they do not, and their gains are equal fractions
  no gain         one side splits and the other makes a leaf, and the gain of the split is exactly 0
  not searched    both make a leaf, which holds its impurity on one side and -1 on the other (Spark's mark of a node in which no
                  candidate is valid), and no candidate of the node has a gain other than 0
  sign            absolute loss: residuals that are exactly 0 have another sign, so the trees learn other targets

After a tie the walk goes on from Spark's choice:

  - below a node whose rows both candidates separate alike, our own two subtrees are compared with Spark's, matched by their rows;
  - below any other, our trainer is given the rows of each of Spark's children alone, binned as in the whole, and Spark's
    targets, and what it grows is compared with Spark's subtree;
  - in the trees that follow, it is given Spark's targets of the tree (the running prediction of Spark's trees so far, summed in
    doubles as Spark does), and grows that one tree.

So each node of Spark's forest has one of ours beside it that was made from the same rows and the same targets, up to rounding.
Compared are: number of trees, weights, children, feature, threshold or categories, number of rows (all exactly); weight, sums,
prediction, impurity and gain (see `close`).
"""

import collections
import math
from fractions import Fraction

import numpy

RELATIVE = 1e-9
# What rounding costs where numbers cancel, in units in the last place of the numbers that do: targets are differences of labels and
# predictions, impurity and gain are differences of mean squares, and the sums of a right child are its parent's minus its
# sibling's. Adding n numbers one after another can lose n units; both sides' search of splits adds a few of the root's.
UNIT = 2.0**-52
SEARCH_UNITS = 16
PURE = 2.0**-52


def close(ours, theirs, rounding=0.0):
    """Within 1e-9 of the larger number, and `rounding` on top."""
    return abs(ours - theirs) <= RELATIVE * max(abs(ours), abs(theirs)) + rounding


class Generator:
    """Spark's XOR-shift generator."""

    def __init__(self, seed):
        data = (seed % 2**64).to_bytes(8, "big")
        low = self._murmur(data, 0x3C074A61)
        self.state = self._murmur(data, low) << 32 | low

    @staticmethod
    def _murmur(data, seed):
        h = seed
        for begin in (0, 4):
            k = int.from_bytes(data[begin : begin + 4], "little") * 0xCC9E2D51 % 2**32
            k = (k << 15 | k >> 17) % 2**32 * 0x1B873593 % 2**32
            h ^= k
            h = ((h << 13 | h >> 19) % 2**32 * 5 + 0xE6546B64) % 2**32
        h ^= 8
        h = (h ^ h >> 16) * 0x85EBCA6B % 2**32
        h = (h ^ h >> 13) * 0xC2B2AE35 % 2**32
        return h ^ h >> 16

    def _bits(self, count):
        x = self.state
        x ^= x << 21 & 2**64 - 1
        x ^= x >> 35
        self.state = x ^ (x << 4 & 2**64 - 1)
        return self.state & (1 << count) - 1

    def next_double(self):
        high = self._bits(26)
        return ((high << 27) + self._bits(27)) * 2.0**-53


def go_left(node, values):
    """Which values of the node's feature go left, as a fitted tree has it: a value that is no category goes where few are named."""
    if node["arity"] < 0:
        return values <= node["split"][0]
    if len(node["split"]) <= node["arity"] // 2:
        return numpy.isin(values, node["split"])
    return ~numpy.isin(values, [c for c in range(node["arity"]) if c not in node["split"]])


def leaves_of(tree, features):
    """The number of the leaf that each row reaches."""
    reached = numpy.zeros(len(features), dtype=int)
    pending = [(0, numpy.arange(len(features)))]
    while pending:
        position, rows = pending.pop()
        node = tree[position]
        if node["left"] < 0:
            reached[rows] = position
            continue
        left = go_left(node, features[rows, node["feature"]])
        pending += [(node["left"], rows[left]), (node["right"], rows[~left])]
    return reached


def predict(trees, weights, features, values):
    """Sums `values[tree][leaf]` in the order of the trees."""
    total = numpy.zeros(len(features))
    for tree, weight, value in zip(trees, weights, values):
        total = total + numpy.array([value[leaf] for leaf in leaves_of(tree, features)]) * weight
    return total


def thresholds_of(values, weights, max_bins):
    """Candidate thresholds of a continuous feature, from all rows."""
    distinct, inverse = numpy.unique(values + 0.0, return_inverse=True)
    sums = [0.0] * len(distinct)
    for which, weight in zip(inverse, weights):
        sums[which] += weight
    distinct = distinct.tolist()
    middles = [(a + b) / 2 for a, b in zip(distinct[:-1], distinct[1:])]
    if len(middles) <= max_bins - 1:
        return middles
    stride = float(sum(weights)) / max_bins
    target, total, chosen = stride, sums[0], []
    for middle, weight in zip(middles, sums[1:]):
        before, total = total, total + weight
        if abs(before - target) < abs(total - target):
            chosen.append(middle)
            target += stride
    return chosen


class Rows:
    """The rows that train."""

    def __init__(self, case):
        keep = [not held for held in case.get("held_out") or [False] * len(case["labels"])]
        self.features = numpy.array([row for row, k in zip(case["features"], keep) if k], dtype=float)
        self.labels = numpy.array([label for label, k in zip(case["labels"], keep) if k], dtype=float)
        weights = case.get("weights") or [1.0] * len(keep)
        self.weights = numpy.array([weight for weight, k in zip(weights, keep) if k], dtype=float)
        self.has_weights = "weights" in case
        self.attributes = case["attributes"]
        self.params = case["params"]
        self.loss = self.params.get("lossType", "squared")
        self.samples = {}

    def __len__(self):
        return len(self.labels)

    def sampled(self, tree):
        """Numbers of the rows that a tree is grown on."""
        rate = self.params.get("subsamplingRate", 1.0)
        if rate == 1.0:
            return numpy.arange(len(self))
        if tree not in self.samples:
            generator = Generator(self.params["seed"] + tree + 1)
            self.samples[tree] = numpy.array([row for row in range(len(self)) if generator.next_double() < rate], dtype=int)
        return self.samples[tree]


class DoubleReplay:
    """What a forest leaves to learn, as Spark computes it."""

    def __init__(self, rows, forest):
        self.rows, self.forest = rows, forest
        self.totals = [numpy.zeros(len(rows))]

    def targets(self, tree):
        while len(self.totals) <= tree:
            done = len(self.totals) - 1
            nodes = self.forest["trees"][done]
            values = numpy.array([node["prediction"] for node in nodes])[leaves_of(nodes, self.rows.features)]
            self.totals.append(self.totals[-1] + values * self.forest["weights"][done])
        if tree == 0:
            return self.rows.labels
        residuals = self.rows.labels - self.totals[tree]
        return numpy.where(residuals < 0.0, -1.0, 1.0) if self.rows.loss == "absolute" else 2.0 * residuals


class ExactReplay:
    """The same without rounding. Rows of one label that shared all leaves so far share a state, which is what is computed."""

    def __init__(self, rows, forest, doubles):
        self.rows, self.forest, self.doubles = rows, forest, doubles
        self.weights = [Fraction(w) for w in rows.weights]
        values = sorted(set(rows.labels))
        numbers = {value: number for number, value in enumerate(values)}
        self.states = [numpy.array([numbers[label] for label in rows.labels])]
        self.state_labels = [[Fraction(value) for value in values]]
        self.state_totals = [[Fraction(0)] * len(values)]

    def _advance(self):
        tree = len(self.states) - 1
        nodes = self.forest["trees"][tree]
        reached = leaves_of(nodes, self.rows.features)
        targets = self.targets(tree)
        weight_sums, sums = collections.defaultdict(Fraction), collections.defaultdict(Fraction)
        parts = collections.Counter()
        for row in self.rows.sampled(tree):
            parts[(reached[row], id(targets[row]), self.rows.weights[row])] += 1
        by_id = {id(target): target for target in targets}
        for (leaf, target, weight), count in parts.items():
            weight_sums[leaf] += count * Fraction(weight)
            sums[leaf] += count * Fraction(weight) * by_id[target]
        step = Fraction(self.forest["weights"][tree])
        means = {leaf: sums[leaf] / total * step if total else Fraction(0) for leaf, total in weight_sums.items()}
        old = self.states[tree]
        pairs = sorted(set(zip(old.tolist(), reached.tolist())))
        numbers = {pair: number for number, pair in enumerate(pairs)}
        self.states.append(numpy.array([numbers[pair] for pair in zip(old.tolist(), reached.tolist())]))
        self.state_labels.append([self.state_labels[tree][state] for state, _ in pairs])
        self.state_totals.append([self.state_totals[tree][state] + means.get(leaf, Fraction(0)) for state, leaf in pairs])

    def residuals(self, tree):
        while len(self.states) <= tree:
            self._advance()
        shared = [label - total for label, total in zip(self.state_labels[tree], self.state_totals[tree])]
        return [shared[state] for state in self.states[tree]]

    def targets(self, tree):
        """One fraction a row; rows of a state have one object."""
        if tree > 0 and self.rows.loss == "absolute":
            signs = {-1.0: Fraction(-1), 1.0: Fraction(1)}
            return [signs[sign] for sign in self.doubles.targets(tree)]
        while len(self.states) <= tree:
            self._advance()
        shared = [label if tree == 0 else 2 * (label - total)
                  for label, total in zip(self.state_labels[tree], self.state_totals[tree])]
        return [shared[state] for state in self.states[tree]]


def exact_sums(rows, targets, weights):
    """Weight and weighted sum of targets."""
    counts = collections.Counter((id(targets[row]), weights[row]) for row in rows)
    by_id = {id(targets[row]): targets[row] for row in rows}
    total = sum((count * Fraction(weight) for (_, weight), count in counts.items()), Fraction(0))
    return total, sum((count * Fraction(weight) * by_id[target] for (target, weight), count in counts.items()), Fraction(0))


def exact_gain(rows, left, targets, weights):
    """The variance that a split removes: (S_l^2 / W_l + S_r^2 / W_r - S^2 / W) / W."""
    parts = [exact_sums(part, targets, weights) for part in (rows[left], rows[~left])]
    total, total_sum = parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]
    explained = sum((s * s / w for w, s in parts if w), Fraction(0))
    return (explained - total_sum * total_sum / total) / total if total else Fraction(0)


def describe(node):
    if node["left"] < 0:
        return "a leaf"
    if node["arity"] < 0:
        return f"f{node['feature']} <= {node['split'][0]!r}"
    return f"f{node['feature']} in {{{', '.join(str(int(c)) for c in sorted(node['split']))}}}"


Tie = collections.namedtuple("Tie", "tree node kind ours theirs rows gain")


class Walk:
    """One comparison. `train(case)` gives the forest that our trainer makes of a case."""

    def __init__(self, case, ours, theirs, train):
        self.rows = Rows(case)
        self.ours, self.theirs, self.train = ours, theirs, train
        self.doubles = DoubleReplay(self.rows, theirs)
        self.exact = ExactReplay(self.rows, theirs, self.doubles)
        self.weights = self.rows.weights.tolist()
        # What a typical label is worth, as a root mean square.
        self.label_size = math.sqrt(float((self.rows.weights * self.rows.labels**2).sum() / self.rows.weights.sum()))
        self.thresholds = {}
        self.ties, self.differences, self.num_nodes, self.num_replayed = [], [], 0, 0
        # What ours has for each leaf of Spark's forest.
        self.leaf_values = [{} for _ in theirs["trees"]]

    def run(self):
        departed = False
        for tree, their_nodes in enumerate(self.theirs["trees"]):
            if self.differences:
                return
            if not departed and tree < len(self.ours["trees"]) and self._signs_differ(tree):
                departed = True
            if departed:
                our_nodes = self._train_tree(tree)
            elif tree < len(self.ours["trees"]):
                our_nodes = self.ours["trees"][tree]
            else:
                break
            ties = len(self.ties)
            self._node(tree, our_nodes, 0, their_nodes, 0, self.rows.sampled(tree), 0)
            departed = departed or len(self.ties) > ties
        if not departed or "held_out" not in self.rows.params:
            if self.ours["weights"] != self.theirs["weights"]:
                self.differences.append(f"weights {self.ours['weights']} and Spark's {self.theirs['weights']}")

    def _signs_differ(self, tree):
        if self.rows.loss != "absolute" or tree == 0:
            return False
        ours = DoubleReplay(self.rows, self.ours).targets(tree)
        rows = numpy.flatnonzero(ours != self.doubles.targets(tree))
        if not len(rows):
            return False
        residuals = self.exact.residuals(tree)
        if any(residuals[row] != 0 for row in rows):
            self.differences.append(f"tree {tree}: residuals of another sign than Spark's, which are not 0")
        self.ties.append(Tie(tree, 0, "sign", "residual 0", "residual 0", len(rows), 0.0))
        return True

    # --- Training again ------------------------------------------------------------------------------------------------------

    def _train_tree(self, tree):
        self.num_replayed += 1
        params = {**self.rows.params, "maxIter": 1}
        params.pop("validationIndicatorCol", None)
        if "seed" in params:
            params["seed"] += tree
        case = {"labels": self.doubles.targets(tree).tolist(), "features": self.rows.features.tolist(), "probes": [],
                "attributes": self.rows.attributes, "params": params}
        if self.rows.has_weights:
            case["weights"] = self.weights
        return self.train(case)["trees"][0]

    def _bin_thresholds(self, feature):
        if feature not in self.thresholds:
            max_bins = min(self.rows.params.get("maxBins", 32), len(self.rows))
            self.thresholds[feature] = thresholds_of(self.rows.features[:, feature], self.weights, max_bins)
        return self.thresholds[feature]

    def _train_below(self, tree, rows, depth):
        """Our subtree on some rows: features become ranks of the bins that occur among them, and splits are translated back."""
        self.num_replayed += 1
        params = {key: value for key, value in self.rows.params.items()
                  if key not in ("validationIndicatorCol", "subsamplingRate", "minWeightFractionPerNode")}
        fraction = self.rows.params.get("minWeightFractionPerNode", 0.0)
        if fraction:
            part = float(self.rows.weights[rows].sum())
            params["minWeightFractionPerNode"] = min(0.4999999, fraction * float(self.rows.weights.sum()) / part)
        params.update(maxIter=1, maxDepth=self.rows.params.get("maxDepth", 5) - depth,
                      maxBins=max(2, self.rows.params.get("maxBins", 32)))
        columns, attributes, present = [], [], []
        for feature, attribute in enumerate(self.rows.attributes):
            values = self.rows.features[rows, feature]
            if attribute["kind"] == "numeric":
                values = numpy.searchsorted(self._bin_thresholds(feature), values)
            bins, ranks = numpy.unique(values, return_inverse=True)
            present.append([int(b) for b in bins])
            categorical = attribute["kind"] != "numeric"
            columns.append(ranks if categorical else ranks + 1.0)
            attributes.append({"kind": "nominal", "num_values": len(bins)} if categorical else {"kind": "numeric"})
        case = {"labels": self.doubles.targets(tree)[rows].tolist(), "features": numpy.column_stack(columns).tolist(),
                "probes": [], "attributes": attributes, "params": params}
        if self.rows.has_weights:
            case["weights"] = self.rows.weights[rows].tolist()
        nodes = self.train(case)["trees"][0]
        for node in nodes:
            if node["left"] < 0:
                continue
            feature = node["feature"]
            attribute = self.rows.attributes[feature]
            if attribute["kind"] == "numeric":
                node["split"] = [self._bin_thresholds(feature)[present[feature][int(node["split"][0] - 0.5) - 1]]]
            else:
                node["split"] = [float(present[feature][int(c)]) for c in node["split"]]
                node["arity"] = 2 if attribute["kind"] == "binary" else attribute["num_values"]
        return nodes

    # --- Nodes ---------------------------------------------------------------------------------------------------------------

    def _differ(self, tree, node, what, ours, theirs):
        self.differences.append(f"tree {tree}, node {node}: {what} {ours!r} and Spark's {theirs!r}")

    def _compare_numbers(self, tree, ours, theirs, position, rows):
        if ours["num_rows"] != theirs["num_rows"] or theirs["num_rows"] != len(rows):
            self._differ(tree, position, f"{len(rows)} rows here; number of rows", ours["num_rows"], theirs["num_rows"])
        if not self.rows.has_weights and ours["stats"][0] != theirs["stats"][0]:
            self._differ(tree, position, "count", ours["stats"][0], theirs["stats"][0])
        weight = theirs["stats"][0]
        root_weight, _, root_squares = self.theirs["trees"][tree][0]["stats"]
        # Root mean squares of targets and of what they are differences of, and how many units of these rounding may cost here.
        target = math.sqrt(abs(root_squares) / root_weight)
        shift = max(target, self.label_size)
        units = UNIT * (SEARCH_UNITS * root_weight / weight + len(self.rows)) if weight else UNIT
        numbers = [("weight", ours["stats"][0], theirs["stats"][0], units * weight),
                   ("sum", ours["stats"][1], theirs["stats"][1], units * weight * shift),
                   ("sum of squares", ours["stats"][2], theirs["stats"][2], units * weight * target * shift),
                   ("prediction", ours["prediction"], theirs["prediction"], units * shift)]
        if ours["impurity"] != -1.0 and theirs["impurity"] != -1.0:
            numbers.append(("impurity", ours["impurity"], theirs["impurity"], units * target * shift))
        if ours["left"] >= 0 and theirs["left"] >= 0:
            numbers.append(("gain", ours["gain"], theirs["gain"], units * target * shift))
        for name, our, their, rounding in numbers:
            if not close(our, their, rounding):
                self._differ(tree, position, name, our, their)

    def _node(self, tree, our_nodes, i, their_nodes, j, rows, depth, is_root_of_part=False):
        self.num_nodes += 1
        ours, theirs = our_nodes[i], their_nodes[j]
        self._compare_numbers(tree, ours, theirs, j, rows)
        if self.differences:
            return
        if theirs["left"] < 0:
            self.leaf_values[tree][j] = ours["prediction"]
        if ours["left"] < 0 and theirs["left"] < 0:
            self._two_leaves(tree, ours, theirs, j, rows, depth, is_root_of_part)
        elif ours["left"] < 0 or theirs["left"] < 0:
            self._leaf_and_split(tree, ours, theirs, their_nodes, j, rows, depth)
        else:
            self._two_splits(tree, our_nodes, i, their_nodes, j, rows, depth)

    def _two_leaves(self, tree, ours, theirs, j, rows, depth, is_root_of_part):
        if (ours["impurity"] == -1.0) == (theirs["impurity"] == -1.0):
            return
        # A part's root is always searched, where the node that it stands for was not if it is pure or as deep as may be.
        if is_root_of_part and ours["impurity"] == -1.0 and (depth == self.rows.params.get("maxDepth", 5) or abs(theirs["impurity"]) < PURE):
            return
        targets = self.exact.targets(tree)
        if self._gains_anything(rows, targets):
            self._differ(tree, j, "impurity", ours["impurity"], theirs["impurity"])
        self.ties.append(Tie(tree, j, "not searched", f"impurity {ours['impurity']!r}", f"impurity {theirs['impurity']!r}", len(rows), 0.0))

    def _gains_anything(self, rows, targets):
        for feature, attribute in enumerate(self.rows.attributes):
            values = self.rows.features[rows, feature]
            if attribute["kind"] == "numeric":
                values = numpy.searchsorted(self._bin_thresholds(feature), values)
            means = set()
            for value in numpy.unique(values):
                weight, total = exact_sums(rows[values == value], targets, self.weights)
                if weight:
                    means.add(total / weight)
            if len(means) > 1:
                return True
        return False

    def _leaf_and_split(self, tree, ours, theirs, their_nodes, j, rows, depth):
        splitting = theirs if ours["left"] < 0 else ours
        left = go_left(splitting, self.rows.features[rows, splitting["feature"]])
        if exact_gain(rows, left, self.exact.targets(tree), self.weights) != 0:
            self._differ(tree, j, "split", describe(ours), describe(theirs))
            return
        self.ties.append(Tie(tree, j, "no gain", describe(ours), describe(theirs), len(rows), splitting["gain"]))
        if theirs["left"] >= 0:
            self._go_on(tree, their_nodes, j, rows, left, depth)

    def _two_splits(self, tree, our_nodes, i, their_nodes, j, rows, depth):
        ours, theirs = our_nodes[i], their_nodes[j]
        their_left = go_left(theirs, self.rows.features[rows, theirs["feature"]])
        same = (ours["feature"], ours["arity"], sorted(ours["split"])) == (theirs["feature"], theirs["arity"], sorted(theirs["split"]))
        is_mirrored = False
        if not same:
            our_left = go_left(ours, self.rows.features[rows, ours["feature"]])
            is_mirrored = numpy.array_equal(our_left, ~their_left)
            alike = is_mirrored or numpy.array_equal(our_left, their_left)
            if not alike:
                targets = self.exact.targets(tree)
                gains = [exact_gain(rows, left, targets, self.weights) for left in (our_left, their_left)]
                if gains[0] != gains[1]:
                    numbers = f"gains {float(gains[0])!r} and {float(gains[1])!r}, {float(gains[0] - gains[1])!r} apart"
                    self._differ(tree, j, f"{numbers}, of split", describe(ours), describe(theirs))
                    return
            self.ties.append(Tie(tree, j, "same rows" if alike else "equal gain", describe(ours), describe(theirs), len(rows), theirs["gain"]))
            if not alike:
                self._go_on(tree, their_nodes, j, rows, their_left, depth)
                return
        children = (ours["right"], ours["left"]) if is_mirrored else (ours["left"], ours["right"])
        self._node(tree, our_nodes, children[0], their_nodes, theirs["left"], rows[their_left], depth + 1)
        self._node(tree, our_nodes, children[1], their_nodes, theirs["right"], rows[~their_left], depth + 1)

    def _go_on(self, tree, their_nodes, j, rows, left, depth):
        if self.rows.params.get("featureSubsetStrategy", "all") not in ("all", "auto"):
            self._differ(tree, j, "a tie after which features are drawn in another order, so that nothing below can be compared; data",
                         "the same", "the same")
            return
        for child, part in ((their_nodes[j]["left"], rows[left]), (their_nodes[j]["right"], rows[~left])):
            self._node(tree, self._train_below(tree, part, depth + 1), 0, their_nodes, child, part, depth + 1, True)
