"""What can go wrong that a user can mend: each text names the thing, the rule and the remedy."""


class GazeshiftError(Exception):
    """Base of all errors that the command line prints as one message, without a traceback."""


class ParamsError(GazeshiftError):
    """`params.yaml` asks for something that is unknown, out of range or contradictory."""


class InputError(GazeshiftError):
    """An input that the whole stage needs is missing or unreadable."""


class UnknownVideoError(InputError, ValueError):
    """A video is asked for by an id that the scene table does not have, or that is no id."""


class ContractError(GazeshiftError):
    """The data as a whole break the contract, for example too few scenes are valid."""


class UserFilesError(GazeshiftError):
    """A stage would overwrite or delete files that it did not make."""


class StorageError(GazeshiftError):
    """The disk is full, or an output folder cannot be written."""


class BusyError(GazeshiftError):
    """Another process is at work with the same stage of the same workspace."""


def first_line(error: BaseException) -> str:
    """Return what an error says, without the advice that libraries append."""
    return next(iter(str(error).splitlines()), "").partition(". ")[0].strip().rstrip(".")
