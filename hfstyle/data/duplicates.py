"""Near-duplicates: the same picture in another size, another compression, another light, or cropped a little.

Two steps on grey thumbnails. Candidates are pairs whose difference hashes (whether each cell is lighter than its
neighbour, on an 8x8 grid, after N. Krawetz's dHash) agree but for few bits. A candidate counts if, with one picture
laid over the other at the best of some small crops, their gradients correlate, both over the whole and in the middle:
paintings in the same round mount agree in the mount alone.

On 500 paintings and photographs and changed copies of them: no false alarm; all copies that were resized to a third,
compressed to JPEG quality 30, lightened, or lost 4 % of width and height around the centre are found, 8 in 10 of those
that lost 12 %, a third of those that lost 8 % at one corner. Mirrored copies are not looked for.
"""

from collections.abc import Sequence

import numpy as np

from hfstyle.data.pictures import THUMBNAIL, PairedPictures, Pictures

GRID = 8
MOST_BITS = 0.22
"""Part of the hash bits in which candidates may differ. Unrelated pictures do so in half, landscapes in less."""
LEAST_CORRELATION = 0.7
SIDE = 32
"""Side, in pixels, at which candidates are compared."""
CROPS = (0.0, 0.03, 0.06, 0.09, 0.12)
"""Parts of the sides that may have been cut away, all on one side or half on each."""
AT_ONCE = 2048
"""Rows of the table of all pairs that are in memory together."""


def near_duplicates(pictures: Pictures | PairedPictures) -> list[list[int]]:
    """Groups of pictures that look the same, by index; of pairs, those whose A do.

    Nothing is read again: some 10 ms for a hundred pictures.
    """
    if isinstance(pictures, PairedPictures):
        return find_groups(pictures.a.thumbnails[[a for a, _ in pictures.pairs]])
    return find_groups(pictures.thumbnails)


def duplicates_in_a_line(pictures: Pictures | PairedPictures, most: int = 3) -> str | None:
    """What a training says of near-duplicates as it starts, or None where there are none."""
    groups = near_duplicates(pictures)
    if not groups:
        return None
    surplus = sum(len(group) - 1 for group in groups)
    shown = "; ".join(" = ".join(ascii(pictures.names[index])[1:-1] for index in group[:3]) for group in groups[:most])
    more = f"; and {len(groups) - most} more groups" if len(groups) > most else ""
    return f"{surplus} of {len(pictures)} pictures look like another one: {shown}{more}"


def find_groups(thumbnails: np.ndarray) -> list[list[int]]:
    """Groups of at least two pictures that look the same, by index.

    Args:
        thumbnails: uint8 (pictures, 64, 64), as `hfstyle.data.pictures.thumbnail` makes them.
    """
    parent = list(range(len(thumbnails)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    for first, second in _candidates(thumbnails):
        a, b = root(first), root(second)
        if a != b and same_picture(thumbnails[first], thumbnails[second]):
            parent[max(a, b)] = min(a, b)
    groups: dict[int, list[int]] = {}
    for index in range(len(thumbnails)):
        groups.setdefault(root(index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def same_picture(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two thumbnails, uint8 (64, 64), show the same picture."""
    return max(_likeness(first, second), _likeness(second, first)) >= LEAST_CORRELATION


def _candidates(thumbnails: np.ndarray) -> Sequence[tuple[int, int]]:
    signs = _hashes(thumbnails)
    least = (1 - 2 * MOST_BITS) * signs.shape[1]  # the product of +-1 vectors counts agreements minus differences
    found = []
    for start in range(0, len(signs), AT_ONCE):
        agree = signs[start : start + AT_ONCE] @ signs[start:].T >= least
        rows, columns = np.nonzero(np.triu(agree, 1))
        found += zip((rows + start).tolist(), (columns + start).tolist(), strict=True)
    return found


def _hashes(thumbnails: np.ndarray) -> np.ndarray:
    """Float32 (pictures, 2 * GRID * GRID) of +1 and -1: whether a cell's right and lower neighbours are lighter."""
    weights = _area_weights(0, THUMBNAIL, GRID + 1)
    signs = np.empty((len(thumbnails), 2 * GRID * GRID), np.float32)
    for index, picture in enumerate(thumbnails):
        cells = weights @ picture.astype(np.float32) @ weights.T
        here = cells[:-1, :-1]
        signs[index] = np.concatenate([(cells[:-1, 1:] > here).ravel(), (cells[1:, :-1] > here).ravel()]) * 2.0 - 1
    return signs


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of gradients, -1 to 1, of the first picture with the best crop of the second."""
    whole = _WEIGHTS[0, 0]
    fixed = whole @ first.astype(np.float32) @ whole.T
    rows, columns = _WEIGHTS[:, 0], _WEIGHTS[:, 1]
    crops = rows @ second.astype(np.float32) @ columns.transpose(0, 2, 1)  # (crops, SIDE, SIDE)
    over_all = _correlations(fixed, crops)
    best = int(over_all.argmax())
    middle = slice(SIDE // 4, SIDE - SIDE // 4)
    return min(over_all[best], _correlations(fixed[middle, middle], crops[best : best + 1, middle, middle])[0])


def _correlations(fixed: np.ndarray, crops: np.ndarray) -> np.ndarray:
    a, b = _gradients(fixed[None]), _gradients(crops)
    return (b @ a[0]) / (np.linalg.norm(a) * np.linalg.norm(b, axis=1) + 1e-6)


def _gradients(pictures: np.ndarray) -> np.ndarray:
    """Differences to the lower and right neighbours, (n, height, width) to (n, many)."""
    steps = [np.diff(pictures, axis=axis).reshape(len(pictures), -1) for axis in (1, 2)]
    return np.concatenate(steps, axis=1)


def _area_weights(start: float, stop: float, size: int) -> np.ndarray:
    """A matrix (size, 64) that scales the pixels from `start` to `stop` to `size` ones, by the area each covers."""
    edges = np.linspace(start, stop, size + 1)
    pixels = np.arange(THUMBNAIL)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (covered.clip(0) * size / (stop - start)).astype(np.float32)


def _crop_weights() -> np.ndarray:
    """Float32 (crops, 2, SIDE, 64): what turns a thumbnail into each of its crops, for rows and columns."""
    pairs = []
    for part in CROPS:
        cut = part * THUMBNAIL
        ways = [_area_weights(cut * at, THUMBNAIL - cut * (1 - at), SIDE) for at in ((0, 0.5, 1) if part else (0,))]
        pairs += [(rows, columns) for rows in ways for columns in ways]
    return np.array(pairs)


_WEIGHTS = _crop_weights()
