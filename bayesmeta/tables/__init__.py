"""How are results shown as text: numbers, tables, and the records that programs read."""
