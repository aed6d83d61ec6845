"""What the optimiser of your own script does to your weights, said without touching either.

``audit(optimizer, model)`` takes an optimiser of torch with its model, a compiled model of Keras, or a
transform of Optax with its parameters. What is known comes from the atlas and is confirmed on a copy of a few
weights; what is not known is measured there.
"""

from l2scaling.audit.call import audit
from l2scaling.audit.report import Audit, AuditError, Row

__all__ = ["Audit", "AuditError", "Row", "audit"]
