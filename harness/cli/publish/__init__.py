"""What `harness export` hands out: a model with what is known of it, its completed card, the files, the way to the hub.

model = find(database, "quickstart")        the last accepted candidate of a loop, with its gate, run and round
text = card.complete(database, model)       Markdown with the front matter of the hub
files = choose(model.folder)                what may leave this machine, and what stays with the reason
hub.upload(files, text, "org/name", ..)
"""
