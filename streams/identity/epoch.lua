-- Which epoch is in force? ARGV: prefix. Returns its number as text, or nothing.

return epoch_in_force(ARGV[1]) or false
