// All ops, for the generated reference.
include "dialects/mlc/MlcContractionOps.td"
include "dialects/mlc/MlcElementwiseOps.td"
include "dialects/mlc/MlcNormalizationOps.td"
include "dialects/mlc/MlcReductionOps.td"
include "dialects/mlc/MlcShapeOps.td"
include "dialects/mlc/MlcStrassenOps.td"
include "dialects/mlc/MlcStructureOps.td"
include "dialects/mlc/MlcVarlenOps.td"
