import{a,b,c,d,e}from"./chunk.ASR7GOPK.js";import"./chunk.Q2TVLVQ4.js";import"./chunk.FEW7MTIE.js";import"./chunk.2JKTI5DU.js";export{d as again,a as choose,e as drop,b as restore,c as sent};
