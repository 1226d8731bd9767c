import{a}from"./chunk.6Q7E4ZPN.js";import"./chunk.467Q2GH2.js";import"./chunk.TMOSJ65L.js";import"./chunk.WMNGU4VM.js";import"./chunk.GYDGKPPF.js";export{a as HandOver};
