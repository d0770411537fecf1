"""Lifelong learning: tasks that never return, memories that fit in bits, and what keeps a learner
from forgetting.

A learner's run is a fold of `distill` over a stream of tasks, `learn(learner, stream)`.
"""

from distillery.lifelong.account import Account, Carried, Counted, largest
from distillery.lifelong.coded import CodedMemory
from distillery.lifelong.dark import Answered, DarkExperience, Unanswered
from distillery.lifelong.exemplars import Exemplars, herded, nearest_mean
from distillery.lifelong.learn import Diary, Learner, learn, partial_accuracy
from distillery.lifelong.lossless import LosslessMemory
from distillery.lifelong.matrix import AccuracyMatrix
from distillery.lifelong.memory import Memory
from distillery.lifelong.old_self import OldSelf
from distillery.lifelong.parts import OfPart, WithinTask
from distillery.lifelong.places import LastOfEachTask, Reservoir
from distillery.lifelong.projected import OfEarlierTasks, OfTheMemory, Projected
from distillery.lifelong.rates import OwnRates
from distillery.lifelong.recollected import RecollectedMemory, variables_within
from distillery.lifelong.replay import Replay
from distillery.lifelong.reptile import Reptile
from distillery.lifelong.several import Several
from distillery.lifelong.stream import Incoming, Stream
from distillery.lifelong.together import Together

__all__ = [
    "Account",
    "AccuracyMatrix",
    "Answered",
    "Carried",
    "CodedMemory",
    "Counted",
    "DarkExperience",
    "Diary",
    "Exemplars",
    "Incoming",
    "LastOfEachTask",
    "Learner",
    "LosslessMemory",
    "Memory",
    "OfEarlierTasks",
    "OfPart",
    "OfTheMemory",
    "OldSelf",
    "OwnRates",
    "Projected",
    "RecollectedMemory",
    "Replay",
    "Reptile",
    "Reservoir",
    "Several",
    "Stream",
    "Together",
    "Unanswered",
    "WithinTask",
    "herded",
    "largest",
    "learn",
    "nearest_mean",
    "partial_accuracy",
    "variables_within",
]
