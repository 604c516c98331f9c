"""The order in which a reader compares label sets and runs: that of the config."""

from contextlib import suppress

from util.config import CombinationSection, StudentSection, TeacherSection
from util.errors import UserError
from util.label_set import prompt_to_folder
from util.prompts import resolve_prompts

ORDER_KEYS = {"teacher.prompts", "combination.label_sets", "combination.output", "student.run"}
"""Keys of a config that name label sets and runs, for `name_in_order`."""


def name_in_order(
    teacher: TeacherSection, combination: CombinationSection, student: StudentSection
) -> list[str]:
    """Name label sets and runs in the order in which a config makes them.

    These are the prompts as they are named there, then what else is combined, the combination, and
    the student.
    """
    prompts = list(teacher.prompts)
    with suppress(UserError):  # who labels says what is wrong with them
        prompts = resolve_prompts(prompts)
    members = [
        form
        for name in [*prompts, *combination.label_sets]
        for form in (name, prompt_to_folder(name))
    ]
    return [*members, combination.output, student.run]
