# What `./ebbrt run sage` has an interactive Sage read at its start: the module, and
# then the user's own file, in whose place this stands.
import ebbrt

def _users_own():
    import os
    from sage.env import DOT_SAGE

    path = os.environ.get("EBBRT_SAGE_STARTUP_FILE") or os.path.join(DOT_SAGE, "init.sage")
    if os.path.exists(path):
        with open(path) as file:
            get_ipython().run_cell(file.read(), store_history=False)

_users_own()
del _users_own
