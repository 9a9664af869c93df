"""Cases of networks with seeded weights: each in each of its exports, against onnxruntime."""
import importlib.metadata
import pathlib
from dataclasses import dataclass

from judge import judge_onnx
from network import Export, Network, export, random_of


def source_of(package):
    """A package with its version, or a file of this folder."""
    return package if package.endswith(".py") else f"{package} {importlib.metadata.version(package)}"


@dataclass(frozen=True)
class Exported:
    network: Network
    how: Export

    @property
    def name(self):
        return f"{self.network.name}, {self.how}"

    @property
    def row(self):
        network = self.network.name.removeprefix(self.network.family + "/")
        return {"kind": "export", "family": self.network.family, "network": network,
               "source": source_of(self.network.package), "exporter": self.how.exporter, "opset": self.how.opset,
               "inputs": self.network.sizes["batch"]}  # fmt: skip

    def run(self, tools, work: pathlib.Path):
        module = export(self.network, self.how, work / "model.onnx")
        inputs = self.network.inputs(random_of(self.network.name), **self.network.sizes)
        shape = self.network.dimensions() if self.how.symbolic else ""
        return judge_onnx(tools, work / "model.onnx", inputs, work, shape, module)


def cases(networks):
    return [Exported(network, how) for network in networks for how in network.exports]
