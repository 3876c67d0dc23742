"""What the steps that train share: parameters, rows to tokens, checks before and while, run records, agreement.

    dataset artifact --rows--> Encoded --preflight--> Plan --trainer--> adapter --merge--> model
                                                        `--watching--> curves, faults

Rows are tokenised by the rule that evaluation and the GGUF engine share (`harness.models.hf.codec`), so a model is
asked exactly what it was trained on, BOS included.
"""
