// The Pico's protocol class on a lead, under MicroPython's build for WebAssembly:
//
//     node pico_on_a_lead.mjs MICROPYTHON.mjs LIGHT.PY PICO_ON_A_LEAD.PY
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [module, light, lead] = process.argv.slice(2);
const { loadMicroPython } = await import(module);
const python = await loadMicroPython({ stdout: (line) => console.log(line), linebuffer: true });
python.FS.writeFile("/light.py", readFileSync(light));
python.FS.writeFile("/lead.py", readFileSync(lead));
python.runPython("import sys; sys.path.append('/')\nimport lead, light\n");
python.runPython("on = lead.Lead(light.Light, light.READY, light.CHANNELS)\n");
for await (const line of createInterface({ input: process.stdin })) {
  python.runPython(`print(on.obey(${JSON.stringify(line)}))`);
}
