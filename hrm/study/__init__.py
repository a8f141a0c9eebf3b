"""Studies: many runs of one question, from the YAML that asks it to the report that answers.

definition → plan | runner (executors, job) → results → statistics → tables, plots → report
"""
