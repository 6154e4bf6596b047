//! The kernel IR as data: dtypes, op table, expression arena, statement tree, text form, validator, interpreter.
