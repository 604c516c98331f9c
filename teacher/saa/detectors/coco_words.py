"""Words of everyday language for the 80 classes of COCO, and how phrases are read by them."""

from collections.abc import Mapping
from dataclasses import dataclass

from teacher.box_detector.coco import COCO_CLASSES
from util.words import singulars, split_words

_SAME: Mapping[str, str] = {
    "person": "human, man, men, woman, women, people, child, children, boy, girl, pedestrian,"
    " swimmer, surfer, diver, fisherman, worker, rider, player",
    "bicycle": "bike, cycle",
    "car": "automobile, taxi, cab, sedan, limousine, suv, jeep, vehicle",
    "motorcycle": "motorbike, scooter, moped",
    "airplane": "aeroplane, plane, aircraft, jet, airliner",
    "bus": "coach, minibus",
    "train": "tram, locomotive, railcar",
    "truck": "lorry, van, pickup",
    "boat": "ship, vessel, sailboat, speedboat, motorboat, fishing boat, rowing boat, yacht, ferry,"
    " kayak, canoe, dinghy, barge, raft, gondola",
    "traffic light": "traffic signal, stoplight",
    "fire hydrant": "hydrant",
    "bird": "seabird, waterbird, fowl, gull, seagull, tern, shearwater, pelican, albatross,"
    " penguin, cormorant, duck, mallard, goose, geese, swan, pigeon, dove, sparrow, crow, raven,"
    " heron, stork, eagle, hawk, owl, parrot, chicken, hen, rooster",
    "cat": "kitten, kitty",
    "dog": "puppy, hound",
    "horse": "pony, foal, stallion",
    "sheep": "lamb, ram",
    "cow": "cattle, bull, calf, ox",
    "bear": "grizzly",
    "backpack": "rucksack, knapsack",
    "umbrella": "parasol",
    "handbag": "purse, bag",
    "tie": "necktie",
    "suitcase": "luggage, trunk",
    "skis": "ski",
    "sports ball": "ball, football, basketball, volleyball",
    "tennis racket": "racket, racquet",
    "cup": "mug, coffee cup, teacup",
    "knife": "knives",
    "banana": "bananas",
    "hot dog": "hotdog",
    "donut": "doughnut",
    "chair": "armchair, stool",
    "couch": "sofa, settee",
    "potted plant": "houseplant, pot plant",
    "dining table": "table, desk",
    "toilet": "lavatory, wc",
    "tv": "television, monitor, screen",
    "laptop": "notebook computer, notebook",
    "remote": "remote control",
    "cell phone": "phone, mobile phone, smartphone, telephone, mobile",
    "oven": "stove, cooker",
    "refrigerator": "fridge, freezer",
    "vase": "pot",
    "scissors": "shears",
    "teddy bear": "teddy, stuffed animal",
    "hair drier": "hair dryer, hairdryer",
}

CLASS_OF: Mapping[tuple[str, ...], str] = {
    split_words(name): known
    for known in COCO_CLASSES
    for name in (known, *_SAME.get(known, "").split(", "))
    if name
}
"""The class that each name means, by its words; names of the classes mean themselves."""

_MOST_WORDS = max(map(len, CLASS_OF))


@dataclass(frozen=True)
class Name:
    """A part of a phrase.

    Attributes:
        text: Its words.
        means: The class of COCO that it names; None where it names none.
    """

    text: str
    means: str | None


def read_phrase(phrase: str) -> tuple[Name, ...]:
    """Read a phrase from left to right, the longest name first; what is no name is a word each.

    Example:
        >>> [(name.text, name.means) for name in read_phrase("two ducks near a fire hydrant")]
        [('two', None), ('ducks', 'bird'), ('near', None), ('a', None), \
('fire hydrant', 'fire hydrant')]
    """
    words = split_words(phrase)
    names, start = [], 0
    while start < len(words):
        length, means = _longest_name(words[start : start + _MOST_WORDS])
        names.append(Name(" ".join(words[start : start + length]), means))
        start += length
    return tuple(names)


def _longest_name(words: tuple[str, ...]) -> tuple[int, str | None]:
    """How many of some words are a name, and what it means; (1, None) where they are none."""
    for length in range(len(words), 0, -1):
        for last in singulars(words[length - 1]):
            if means := CLASS_OF.get((*words[: length - 1], last)):
                return length, means
    return 1, None
