import{a}from"./chunk.53XKPDSC.js";import"./chunk.X64QWO2V.js";import"./chunk.TMOSJ65L.js";import"./chunk.WMNGU4VM.js";import"./chunk.GYDGKPPF.js";export{a as HandOver};
