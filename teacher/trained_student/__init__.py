"""A trained student as a teacher of the next one."""
