-- Puts agents into the ready lists of a generation in which everything is
-- loaded.
for n = 3, #ARGV do book.index_all(book.agent(ARGV[n])) end
return {'OK'}
